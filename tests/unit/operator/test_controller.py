"""The loop around reconciles: nothing that goes wrong with one key is lost, or stops another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from testkit.world import a_tfmodel
from tfmodel_operator.apply import NotLeadingError
from tfmodel_operator.cache import Cache
from tfmodel_operator.controller import Controller
from tfmodel_operator.kube import ApiError, Listing, UnavailableError, UnreachableError
from tfmodel_operator.metrics import Metrics
from tfmodel_operator.values import Key
from tfmodel_operator.workqueue import WorkQueue

A, B = Key("lab", "a"), Key("lab", "b")


class Scripted:
    """A reconciler that does what the test says, and says when."""

    def __init__(self, does: Callable[[Key], Awaitable[timedelta | None]]) -> None:
        self.does = does
        self.seen: list[Key] = []

    async def reconcile(self, key: Key) -> timedelta | None:
        self.seen.append(key)
        return await self.does(key)


class Lists:
    """An API server that lists TFModels, after as many failures as the test says."""

    def __init__(self, *, failures: int = 0, **models: int) -> None:
        self.failures = failures
        self.models = models

    async def list(self, _api_version: str, kind: str, _namespace: str = "", **_: str) -> Listing:
        if self.failures:
            self.failures -= 1
            raise UnreachableError(0, "Unreachable", "no answer")
        found = tuple(model(name, version) for name, version in self.models.items())
        return Listing(found if kind == "TFModel" else (), as_of=10)


def model(name: str, version: int) -> dict[str, Any]:
    made = a_tfmodel(name, uid=f"uid-{name}").model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**made, "metadata": {**made["metadata"], "resourceVersion": str(version)}}


class Work:
    """A controller whose queue runs on a clock that the test moves."""

    def __init__(self, does: Callable[[Key], Awaitable[timedelta | None]], kube: Lists | None = None) -> None:
        self.now = 0.0
        self.queue = WorkQueue(lambda: self.now)
        self.reconciler = Scripted(does)
        self.cache = Cache()
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry, version="0")
        self.controller = Controller(
            kube or Lists(),  # type: ignore[arg-type]
            self.cache,
            self.queue,
            self.reconciler,  # type: ignore[arg-type]
            metrics,
            (),
        )

    @asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        working = asyncio.create_task(self.controller.work())
        try:
            yield
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def pass_time(self, seconds: float) -> list[Key]:
        """The keys that are reconciled once so many seconds have passed."""
        self.reconciler.seen.clear()
        self.now += seconds
        self.queue._changed.set()
        for _ in range(20):
            await asyncio.sleep(0)
        return list(self.reconciler.seen)

    def results(self, result: str) -> float:
        return self.registry.get_sample_value("tfmodel_operator_reconciles_total", {"result": result}) or 0.0


async def test_one_tfmodel_that_trips_the_operator_does_not_stop_the_others() -> None:
    async def does(key: Key) -> timedelta | None:
        if key == A:
            raise KeyError("a bug")
        return None

    work = Work(does)
    async with work.going():
        work.queue.add(A)
        work.queue.add(B)
        assert set(await work.pass_time(0)) == {A, B}
        work.queue.add(B)
        assert await work.pass_time(0) == [B]
        assert await work.pass_time(1) == [A]
    assert (work.results("error"), work.results("success")) == (2, 2)


async def test_a_key_that_was_refused_for_want_of_the_lead_is_not_lost() -> None:
    leads = False

    async def does(_: Key) -> timedelta | None:
        if not leads:
            raise NotLeadingError
        return None

    work = Work(does)
    async with work.going():
        work.queue.add(A)
        assert await work.pass_time(0) == [A]
        leads = True
        assert await work.pass_time(2) == [A]
    assert (work.results("not_leading"), work.results("success")) == (1, 1)


async def test_an_api_server_that_asks_for_patience_is_left_alone() -> None:
    async def does(_: Key) -> timedelta | None:
        error = UnavailableError(429, "TooManyRequests", "busy")
        error.retry_after_seconds = 30
        raise error

    work = Work(does)
    async with work.going():
        work.queue.add(A)
        assert await work.pass_time(0) == [A]
        assert await work.pass_time(29) == []
        assert await work.pass_time(1) == [A]


async def test_a_key_comes_back_when_it_asked_to_and_failures_are_forgotten_with_success() -> None:
    outcomes = iter([ApiError(500, "InternalError", "no"), timedelta(seconds=5), None])

    async def does(_: Key) -> timedelta | None:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    work = Work(does)
    async with work.going():
        work.queue.add(A)
        assert await work.pass_time(0) == [A]
        assert await work.pass_time(1) == [A]
        assert await work.pass_time(4) == []
        assert await work.pass_time(1) == [A]
        assert await work.pass_time(3600) == []


async def test_events_of_children_wake_their_model_and_a_delete_forgets() -> None:
    async def does(_: Key) -> timedelta | None:
        return None

    work = Work(does)
    labels = {"tfmodel.dev/model": "a"}
    metadata = {"namespace": "lab", "name": "a-1", "uid": "u", "labels": labels, "resourceVersion": "3"}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata}
    async with work.going():
        work.controller.receive("ADDED", job)
        assert await work.pass_time(0) == [A]
        assert work.cache.get("Job", "lab", "a-1") is not None
        work.controller.receive("DELETED", job)
        assert await work.pass_time(0) == [A]
        assert work.cache.get("Job", "lab", "a-1") is None


async def test_a_full_list_is_tried_until_it_succeeds_and_wakes_every_model(monkeypatch: Any) -> None:
    async def does(_: Key) -> timedelta | None:
        return None

    monkeypatch.setattr("tfmodel_operator.controller._LIST_RETRY_SECONDS", 0.0)
    work = Work(does, Lists(failures=2, a=5, b=6))
    work.cache.put(model("gone", 4))
    work.cache.put(model("newer", 12))
    async with work.going():
        before = work.controller.is_synced
        await work.controller.sync()
        assert (before, work.controller.is_synced) == (False, True)
        assert set(await work.pass_time(0)) == {A, B, Key("lab", "newer")}


async def test_a_list_that_fills_a_gap_wakes_the_models_of_what_was_missed() -> None:
    async def does(_: Key) -> timedelta | None:
        return None

    work = Work(does, Lists(a=5, b=6))
    labels = {"tfmodel.dev/model": "a"}
    metadata = {"namespace": "lab", "name": "a-1", "uid": "u", "labels": labels, "resourceVersion": "3"}
    work.cache.put(model("a", 5))
    work.cache.put(model("b", 6))
    work.cache.put({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata})
    async with work.going():
        await work.controller.catch_up()
        assert await work.pass_time(0) == [A]
        await work.controller.catch_up()
        assert await work.pass_time(0) == []


async def test_what_a_listing_repeats_and_our_own_status_wake_nobody_but_a_child_that_was_applied_does() -> None:
    async def does(_: Key) -> timedelta | None:
        return None

    work = Work(does)
    labels = {"tfmodel.dev/model": "a"}
    metadata = {"namespace": "lab", "name": "a-1", "uid": "u", "labels": labels, "resourceVersion": "3"}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata}
    work.cache.put(model("a", 5))
    work.cache.put(job)
    async with work.going():
        for kind_of_event, found in ((None, model("a", 5)), (None, job), ("MODIFIED", model("a", 5))):
            work.controller.receive(kind_of_event, found)
            assert await work.pass_time(0) == []
        for kind_of_event, found in (("ADDED", job), ("MODIFIED", model("a", 6)), (None, model("b", 1))):
            work.controller.receive(kind_of_event, found)
            assert len(await work.pass_time(0)) == 1
