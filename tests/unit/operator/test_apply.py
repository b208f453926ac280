"""Carrying out plans: in order, once, and only while leading."""

from datetime import UTC, datetime

import pytest

from testkit.kube import FakeKube
from tfmodel.api.status import TFModelStatus
from tfmodel_operator.apply import Applier, NotLeadingError
from tfmodel_operator.cache import Cache
from tfmodel_operator.kube import ApiError, UnreachableError
from tfmodel_operator.values import Apply, Event, Key, ObjectKey, Plan

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEY = Key("lab", "iris")


class World:
    def __init__(self) -> None:
        self.kube, self.cache, self.leads = FakeKube(), Cache(), True
        self.applier = Applier(self.kube, self.cache, lambda: self.leads)  # type: ignore[arg-type]


def child(kind: str, **spec: object) -> Apply:
    return Apply({"apiVersion": "v1", "kind": kind, "metadata": {"name": "iris", "namespace": "lab"}, "spec": spec})


def a_plan(*apply: Apply, delete: tuple[ObjectKey, ...] = ()) -> Plan:
    return Plan(apply=apply, delete=delete, status=TFModelStatus())


async def test_what_is_unchanged_is_not_applied_again() -> None:
    world = World()
    for _ in range(3):
        assert await world.applier.apply(a_plan(child("Service", port=1), child("Deployment", replicas=1))) == ()
    assert world.kube.calls == ["apply Service", "apply Deployment"]


async def test_a_change_of_ours_or_of_someone_else_is_applied() -> None:
    world = World()
    await world.applier.apply(a_plan(child("Deployment", replicas=1)))
    await world.applier.apply(a_plan(child("Deployment", replicas=2)))
    foreign = dict(world.kube.objects["Deployment", "iris"])
    foreign["metadata"] = {**foreign["metadata"], "generation": 9, "resourceVersion": "99"}
    world.cache.put(foreign)
    await world.applier.apply(a_plan(child("Deployment", replicas=2)))
    assert world.kube.calls == ["apply Deployment"] * 3


async def test_a_status_that_churns_is_no_change() -> None:
    world = World()
    await world.applier.apply(a_plan(child("Deployment", replicas=1)))
    churned = dict(world.kube.objects["Deployment", "iris"])
    churned["metadata"] = {**churned["metadata"], "resourceVersion": "99"}
    world.cache.put({**churned, "status": {"replicas": 1}})
    await world.applier.apply(a_plan(child("Deployment", replicas=1)))
    assert world.kube.calls == ["apply Deployment"]


async def test_one_refusal_does_not_stop_the_rest() -> None:
    world = World()
    world.kube.refusals["Job"] = ApiError(403, "Forbidden", "exceeded quota")
    [refused] = await world.applier.apply(a_plan(child("Job"), child("Service")))
    assert (refused.target.kind, refused.status, refused.message) == ("Job", 403, "exceeded quota")
    assert world.kube.calls == ["apply Service"]


async def test_an_api_server_that_is_away_is_not_a_refusal() -> None:
    world = World()
    world.kube.refusals["Job"] = UnreachableError(0, "Unreachable", "no answer")
    with pytest.raises(UnreachableError):
        await world.applier.apply(a_plan(child("Job")))


async def test_the_cache_knows_a_write_before_any_watch_tells() -> None:
    world = World()
    await world.applier.apply(a_plan(child("Job")))
    assert world.cache.get("Job", "lab", "iris") is not None
    await world.applier.store_status(KEY, TFModelStatus(), TFModelStatus(phase="Ready"))
    assert (world.cache.get("TFModel", "lab", "iris") or {})["status"] == {"phase": "Ready"}


async def test_a_status_that_is_stored_already_is_not_written() -> None:
    world = World()
    await world.applier.store_status(KEY, TFModelStatus(phase="Ready"), TFModelStatus(phase="Ready"))
    assert world.kube.calls == []


async def test_who_does_not_lead_writes_nothing() -> None:
    world = World()
    world.leads = False
    target = ObjectKey("batch/v1", "Job", "lab", "old")
    found = {"metadata": {"name": "iris", "namespace": "lab", "uid": "u", "resourceVersion": "1"}}
    for write in (
        world.applier.apply(a_plan(child("Job"))),
        world.applier.store_status(KEY, TFModelStatus(), TFModelStatus(phase="Ready")),
        world.applier.delete(a_plan(delete=(target,))),
        world.applier.post_events(found, (Event("Normal", "R", "m"),), NOW),
    ):
        with pytest.raises(NotLeadingError):
            await write
    assert world.kube.calls == []


async def test_an_event_that_is_refused_is_no_failure() -> None:
    world = World()
    world.kube.refusals["Event"] = ApiError(403, "Forbidden", "no")
    found = {"metadata": {"name": "iris", "namespace": "lab", "uid": "u", "resourceVersion": "1"}}
    await world.applier.post_events(found, (Event("Warning", "Stalled", "m"),), NOW)
