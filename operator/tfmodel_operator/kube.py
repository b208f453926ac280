"""The Kubernetes API in a few verbs, over one aiohttp session. The only HTTP to the API server besides kopf's watches.

Objects are JSON as the server sends it. Writes are server-side applies, so that only the fields that are ours are sent. A
projected token is read again before it expires.
"""

import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from tfmodel_operator.metrics import Metrics
from tfmodel_operator.read import at
from tfmodel_operator.values import FIELD_MANAGER, Manifest, ObjectKey

_PLURALS = {
    "TFModel": "tfmodels",
    "Job": "jobs",
    "Pod": "pods",
    "Deployment": "deployments",
    "Service": "services",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Event": "events",
    "Lease": "leases",
}
PAGE = 50
"""Objects of a list that are asked for at once."""
_APPLY = "application/apply-patch+yaml"
_JSON = "application/json"
_TOKEN_LIFE_SECONDS = 60.0
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
_LONGEST_RETRY_AFTER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Connection:
    """How the API server is reached."""

    server: str
    tls: ssl.SSLContext | None
    token: str | None = None
    token_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Objects of a kind as they were at one resourceVersion."""

    items: tuple[Manifest, ...]
    as_of: int


class ApiError(Exception):
    """The API server refused a request. `status` 0 means that it gave no answer."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class NotFoundError(ApiError):
    """There is no such object."""


class ConflictError(ApiError):
    """The object was changed by someone else, or exists already."""


class UnavailableError(ApiError):
    """The API server cannot answer now, whatever is asked: nothing is wrong with the object."""

    retry_after_seconds: float = 0.0
    """How long the API server asks to be left alone."""


class UnreachableError(UnavailableError):
    """The API server gave no answer."""


_ERRORS: Mapping[int, type[ApiError]] = {
    401: UnavailableError,
    404: NotFoundError,
    409: ConflictError,
    429: UnavailableError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


class Kube:
    """A client. Use it as a context manager."""

    def __init__(self, connection: Connection, metrics: Metrics) -> None:
        self._connection = connection
        self._metrics = metrics
        self._session: aiohttp.ClientSession | None = None
        self._token = connection.token
        self._token_read_at = 0.0

    async def __aenter__(self) -> Self:
        """Opens the session."""
        tls = self._connection.tls if self._connection.tls is not None else True
        connector = aiohttp.TCPConnector(ssl=tls, limit=32)
        self._session = aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the session."""
        if self._session is not None:
            await self._session.close()

    async def get(self, key: ObjectKey) -> Manifest | None:
        """The object; None if it does not exist."""
        try:
            return await self._call("get", key, "GET", _path(key))
        except NotFoundError:
            return None

    async def list(
        self,
        api_version: str,
        kind: str,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        keep: Callable[[Manifest], Manifest] = dict,
    ) -> Listing:
        """Objects of a kind, of all namespaces if none is named. Of each only what `keep` returns is held on to.

        They are asked for by pages, so that there is never more than a page of whole objects in memory; all pages are of one moment.
        """
        key = ObjectKey(api_version, kind, namespace, "")
        selectors = {"labelSelector": labels, "fieldSelector": fields, "limit": str(PAGE)}
        params = {name: value for name, value in selectors.items() if value}
        items: list[Manifest] = []
        while True:
            found = await self._call("list", key, "GET", _path(key), params=params)
            items += [keep({"apiVersion": api_version, "kind": kind, **item}) for item in found.get("items") or ()]
            more = at(found, "metadata", "continue")
            if not more:
                return Listing(tuple(items), int(at(found, "metadata", "resourceVersion") or 0))
            params["continue"] = more

    async def apply(self, manifest: Manifest, *, manager: str = FIELD_MANAGER) -> Manifest:
        """Server-side apply, forced: the object as it is then."""
        return await self._patch(manifest, "apply", "", manager)

    async def apply_status(self, manifest: Manifest) -> Manifest:
        """Server-side apply of the status alone."""
        return await self._patch(manifest, "apply_status", "/status", FIELD_MANAGER)

    async def _patch(self, manifest: Manifest, verb: str, subresource: str, manager: str) -> Manifest:
        key = key_of(manifest)
        params = {"fieldManager": manager, "force": "true"}
        return await self._call(verb, key, "PATCH", _path(key) + subresource, params=params, body=manifest)

    async def create(self, manifest: Manifest) -> Manifest:
        """Creates an object."""
        key = key_of(manifest)
        collection = ObjectKey(key.api_version, key.kind, key.namespace, "")
        return await self._call("create", key, "POST", _path(collection), body=manifest)

    async def replace(self, manifest: Manifest) -> Manifest:
        """Replaces an object whose resourceVersion must still be the one that is sent."""
        key = key_of(manifest)
        return await self._call("replace", key, "PUT", _path(key), body=manifest)

    async def delete(self, key: ObjectKey) -> None:
        """Deletes an object and, in the background, what it owns; one that is gone already is fine."""
        body: dict[str, Any] = {"propagationPolicy": "Background"}
        if key.uid is not None:
            body["preconditions"] = {"uid": key.uid}
        try:
            await self._call("delete", key, "DELETE", _path(key), body=body)
        except (NotFoundError, ConflictError):
            return

    async def _call(
        self,
        verb: str,
        key: ObjectKey,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Manifest | None = None,
    ) -> Manifest:
        assert self._session is not None, "use Kube as a context manager"  # noqa: S101
        content_type = _APPLY if method == "PATCH" else _JSON
        data = None if body is None else json.dumps(body)
        url = self._connection.server.rstrip("/") + path
        try:
            headers = {"Content-Type": content_type, "Accept": _JSON, **self._authorization()}
            async with self._session.request(method, url, params=params, data=data, headers=headers) as answer:
                self._metrics.api_requests.labels(verb, key.kind, str(answer.status)).inc()
                return await _content(answer)
        except (OSError, aiohttp.ClientError) as error:
            self._metrics.api_requests.labels(verb, key.kind, "0").inc()
            raise UnreachableError(0, "Unreachable", str(error) or type(error).__name__) from error

    def _authorization(self) -> dict[str, str]:
        file = self._connection.token_file
        if file is not None and time.monotonic() - self._token_read_at > _TOKEN_LIFE_SECONDS:
            self._token = file.read_text().strip()
            self._token_read_at = time.monotonic()
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}


def key_of(manifest: Manifest) -> ObjectKey:
    """Which object a manifest is."""
    return ObjectKey(
        str(manifest["apiVersion"]),
        str(manifest["kind"]),
        str(at(manifest, "metadata", "namespace") or ""),
        str(at(manifest, "metadata", "name") or ""),
    )


def _path(key: ObjectKey) -> str:
    root = f"/apis/{key.api_version}" if "/" in key.api_version else f"/api/{key.api_version}"
    within = f"/namespaces/{key.namespace}" if key.namespace else ""
    return f"{root}{within}/{_PLURALS[key.kind]}" + (f"/{key.name}" if key.name else "")


async def _content(answer: aiohttp.ClientResponse) -> Manifest:
    text = await answer.text()
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = {"message": text[:512]}
    if answer.ok:
        return dict(found)
    reason, message = str(found.get("reason") or answer.reason), str(found.get("message") or "")
    error = _ERRORS.get(answer.status, ApiError)(answer.status, reason, message)
    if isinstance(error, UnavailableError):
        error.retry_after_seconds = _retry_after(answer.headers.get("Retry-After", ""))
    raise error


def _retry_after(told: str) -> float:
    return min(float(told), _LONGEST_RETRY_AFTER_SECONDS) if told.isdecimal() else 0.0
