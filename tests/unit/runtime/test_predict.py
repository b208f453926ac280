"""The path of a prediction, with a model that runs until a test lets it go."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from tfmodel_runtime.engine.signature import Ask, Signature
from tfmodel_runtime.errors import TimedOutError
from tfmodel_runtime.observability.metrics import Metrics
from tfmodel_runtime.predict import Call, Predictor
from tfmodel_runtime.servables.servable import Handle


class HeldModel:
    """Ends a run when it is let go, or says that the time is over when it is told to."""

    def __init__(self) -> None:
        self.signatures = {"serving_default": Signature("serving_default", {}, {}, "")}
        self.paces: dict[str, Any] = {}
        self.running, self.go = threading.Event(), threading.Event()
        self.fails = False
        self.timeouts: list[float | None] = []

    def run(self, signature: Any, feeds: Any, fetches: Any, *, timeout_seconds: float | None) -> dict[str, Any]:
        self.timeouts.append(timeout_seconds)
        self.running.set()
        assert self.go.wait(30)
        if self.fails:
            raise TimedOutError("Timed out waiting for notification")
        return {}


class OneModel:
    """A manager of one model that counts who holds it."""

    def __init__(self) -> None:
        self.model = HeldModel()
        self.holders = 0

    @contextmanager
    def acquire(self, name: str, version: int | None, label: str | None) -> Iterator[Handle]:
        self.holders += 1
        try:
            yield Handle(name, 1, cast(Any, self.model))
        finally:
            self.holders -= 1


@pytest.fixture
def manager() -> OneModel:
    return OneModel()


@pytest.fixture
def predictor(manager: OneModel) -> Iterator[Predictor]:
    metrics = Metrics(CollectorRegistry(), version="0", tensorflow_version="0")
    made = Predictor(cast(Any, manager), metrics, threads=1, most_waiting=8)
    yield made
    manager.model.go.set()
    made.close()


def asking(predictor: Predictor, timeout_seconds: float | None = None) -> asyncio.Task[str]:
    call = Call("m", None, None, "", "rest", timeout_seconds=timeout_seconds)
    return asyncio.create_task(predictor.predict(call, lambda _: Ask({}), lambda *_: "answer"))


async def let_run(manager: OneModel) -> None:
    assert await asyncio.to_thread(manager.model.running.wait, 30)


async def test_a_request_that_is_called_off_holds_its_version_until_the_model_is_done(
    predictor: Predictor, manager: OneModel
) -> None:
    task = asking(predictor)
    await let_run(manager)
    for _ in range(2):
        task.cancel()
        await asyncio.wait([task], timeout=0.05)
        assert manager.holders == 1
    manager.model.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert manager.holders == 0
    assert predictor.traffic.count == 0


async def test_a_request_whose_time_is_over_holds_its_version_until_the_model_is_done(
    predictor: Predictor, manager: OneModel
) -> None:
    manager.model.fails = True
    task = asking(predictor, timeout_seconds=0.01)
    await let_run(manager)
    await asyncio.wait([task], timeout=0.05)
    assert manager.holders == 1
    manager.model.go.set()
    with pytest.raises(TimedOutError):
        await task
    assert manager.holders == 0


async def test_a_request_that_still_waits_for_a_thread_is_called_off_at_once(
    predictor: Predictor, manager: OneModel
) -> None:
    first = asking(predictor)
    await let_run(manager)
    second = asking(predictor)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    manager.model.go.set()
    assert await first == "answer"
    assert manager.model.timeouts == [None]


async def test_the_model_is_told_what_is_left_of_a_requests_time(predictor: Predictor, manager: OneModel) -> None:
    manager.model.go.set()
    assert await asking(predictor, timeout_seconds=20) == "answer"
    (left,) = manager.model.timeouts
    assert left is not None
    assert 0 < left <= 20
