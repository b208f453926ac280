"""An API server in memory, as far as the operator's rim asks one: objects with versions, refusals that a test orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfmodel_operator.kube import ApiError, ConflictError, Listing, NotFoundError, key_of
from tfmodel_operator.values import ObjectKey

Json = dict[str, Any]


class FakeKube:
    """Keeps objects by kind and name. `calls` lists the writes; `refusals` maps a kind to the error that it gets."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Json] = {}
        self.calls: list[str] = []
        self.refusals: dict[str, ApiError] = {}
        self._version = 0

    async def get(self, key: ObjectKey) -> Json | None:
        self._refuse(key.kind)
        return self.objects.get((key.kind, key.name))

    async def list(self, _api_version: str, kind: str, _namespace: str = "", **_: str) -> Listing:
        self._refuse(kind)
        return Listing(tuple(found for (of, _), found in self.objects.items() if of == kind), self._version)

    async def apply(self, manifest: Mapping[str, Any], *, manager: str = "") -> Json:
        return self._store(f"apply {manifest['kind']}", manifest)

    async def apply_status(self, manifest: Mapping[str, Any]) -> Json:
        return self._store(
            "apply_status", {**self.objects.get(("TFModel", manifest["metadata"]["name"]), {}), **manifest}
        )

    async def create(self, manifest: Mapping[str, Any]) -> Json:
        key = key_of(manifest)
        if key.name and (key.kind, key.name) in self.objects:
            raise ConflictError(409, "AlreadyExists", "exists")
        return self._store(f"create {key.kind}", manifest)

    async def replace(self, manifest: Mapping[str, Any]) -> Json:
        key = key_of(manifest)
        self._refuse(key.kind)
        known = self.objects.get((key.kind, key.name))
        if known is None:
            raise NotFoundError(404, "NotFound", "gone")
        if known["metadata"]["resourceVersion"] != manifest["metadata"]["resourceVersion"]:
            raise ConflictError(409, "Conflict", "changed")
        return self._store(f"replace {key.kind}", manifest)

    async def delete(self, key: ObjectKey) -> None:
        self.calls.append(f"delete {key.kind}")
        self.objects.pop((key.kind, key.name), None)

    def _refuse(self, kind: str) -> None:
        if kind in self.refusals:
            raise self.refusals[kind]

    def _store(self, call: str, manifest: Mapping[str, Any]) -> Json:
        kind = str(manifest["kind"])
        self._refuse(kind)
        self.calls.append(call)
        self._version += 1
        name = str(manifest["metadata"].get("name", f"{kind}-{self._version}"))
        known = self.objects.get((kind, name), {"metadata": {"generation": 0}})
        is_new_spec = known.get("spec") != manifest.get("spec")
        metadata = {
            "uid": f"uid-{name}",
            **manifest["metadata"],
            "resourceVersion": str(self._version),
            "generation": known["metadata"]["generation"] + is_new_spec,
        }
        self.objects[kind, name] = {**manifest, "metadata": metadata}
        return self.objects[kind, name]
