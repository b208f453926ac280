"""One reconcile, with the API server in memory: the order of effects, and what a crash or a refusal between them leaves."""

from collections.abc import Iterable
from typing import Any

import pytest

from testkit.kube import FakeKube
from testkit.world import NOW, RELEASE, a_tfmodel
from tfmodel.progress import Progress
from tfmodel_operator.apply import Applier
from tfmodel_operator.cache import Cache
from tfmodel_operator.kube import ApiError, ConflictError, UnreachableError
from tfmodel_operator.observe import Observer
from tfmodel_operator.reconcile import Reconciler
from tfmodel_operator.values import Key, Manifest, ServedVersion

KEY = Key("lab", "iris")


class NobodyAnswers:
    async def ask(self, _model: str, _pods: Iterable[Manifest]) -> dict[str, tuple[ServedVersion, ...]]:
        return {}

    async def ask_progress(self, _pods: Iterable[Manifest]) -> dict[str, Progress]:
        return {}


class World:
    """A TFModel in a cache beside an API server in memory."""

    def __init__(self, **spec: Any) -> None:
        self.kube, self.cache = FakeKube(), Cache()
        model = a_tfmodel(**spec).model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"status"})
        stored = {**model, "metadata": {**model["metadata"], "resourceVersion": "1"}}
        self.kube.objects["TFModel", "iris"] = stored
        self.cache.put(stored)
        observer = Observer(self.cache, self.kube, NobodyAnswers())  # type: ignore[arg-type]
        applier = Applier(self.kube, self.cache, lambda: True)  # type: ignore[arg-type]
        self.reconciler = Reconciler(self.cache, observer, applier, RELEASE, lambda: NOW)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.kube.objects["TFModel", "iris"].get("status", {})
        return found

    def condition(self, kind: str) -> dict[str, Any]:
        [found] = [one for one in self.status()["conditions"] if one["type"] == kind]
        return dict(found)


async def test_children_come_before_the_status_and_events_after_it() -> None:
    world = World()
    await world.reconciler.reconcile(KEY)
    assert world.kube.calls == ["apply PersistentVolumeClaim", "apply Job", "apply_status"]
    assert world.status()["phase"] == "Pending"


async def test_what_a_reconcile_made_is_not_made_again() -> None:
    world = World()
    await world.reconciler.reconcile(KEY)
    before = list(world.kube.calls)
    for _ in range(3):
        await world.reconciler.reconcile(KEY)
    assert world.kube.calls == before


async def test_a_refusal_shows_in_status_in_the_same_round_and_is_tried_again() -> None:
    world = World()
    world.kube.refusals["Job"] = ApiError(403, "Forbidden", "exceeded quota: pods, used: 1")
    again = await world.reconciler.reconcile(KEY)
    assert again is not None
    assert world.condition("Ready")["reason"] == "QuotaExceeded"
    assert "exceeded quota" in world.condition("Ready")["message"]
    assert world.kube.calls[-1] == "create Event"
    del world.kube.refusals["Job"]
    await world.reconciler.reconcile(KEY)
    assert world.condition("Ready")["reason"] != "QuotaExceeded"


async def test_an_api_server_that_is_away_is_not_told_as_a_fault_of_the_spec() -> None:
    world = World()
    world.kube.refusals["Job"] = UnreachableError(0, "Unreachable", "no answer")
    with pytest.raises(UnreachableError):
        await world.reconciler.reconcile(KEY)
    assert world.status() == {}


async def test_without_a_stored_status_nothing_is_deleted_or_told() -> None:
    world = World()
    old = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "iris-0-abcdef",
            "namespace": "lab",
            "uid": "uid-old",
            "resourceVersion": "1",
            "labels": {"tfmodel.dev/model": "iris"},
            "ownerReferences": [{"uid": "uid-iris"}],
        },
    }
    world.kube.objects["Job", "iris-0-abcdef"] = old
    world.cache.put(old)
    world.kube.refusals["TFModel"] = ConflictError(409, "Conflict", "changed")
    with pytest.raises(ConflictError):
        await world.reconciler.reconcile(KEY)
    assert not [call for call in world.kube.calls if call.startswith(("delete", "create"))]
    del world.kube.refusals["TFModel"]
    await world.reconciler.reconcile(KEY)
    assert world.kube.calls[-1] == "delete Job"


@pytest.mark.parametrize("is_gone", [True, False])
async def test_a_tfmodel_that_is_gone_or_going_is_left_to_the_garbage_collector(is_gone: bool) -> None:
    world = World()
    stored = world.kube.objects["TFModel", "iris"]
    if is_gone:
        world.cache.drop(stored)
    else:
        metadata = {**stored["metadata"], "resourceVersion": "2", "deletionTimestamp": "2026-01-02T03:04:05Z"}
        world.cache.put({**stored, "metadata": metadata})
    assert await world.reconciler.reconcile(KEY) is None
    assert world.kube.calls == []


async def test_a_spec_of_a_newer_release_is_named_and_its_children_are_left_alone() -> None:
    world = World()
    stored = world.kube.objects["TFModel", "iris"]
    newer = {**stored, "spec": {**stored["spec"], "novelty": 1}}
    world.cache.put(newer)
    world.kube.objects["TFModel", "iris"] = newer
    await world.reconciler.reconcile(KEY)
    assert world.kube.calls == ["apply_status", "create Event"]
    assert "novelty" in world.condition("Accepted")["message"]


async def test_a_status_of_another_release_is_made_anew() -> None:
    world = World()
    stored = world.kube.objects["TFModel", "iris"]
    world.cache.put({**stored, "status": {"phase": 7, "moods": []}})
    await world.reconciler.reconcile(KEY)
    assert world.status()["phase"] == "Pending"
