"""Requests of one kind share a call; who cannot be answered with the others is passed over, and nothing is counted for it."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.engine.pace import Pace
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.errors import InvalidInputError, ModelNotFoundError
from tfmodel_runtime.lanes import Lane
from tfmodel_runtime.observability.metrics import Metrics
from tfmodel_runtime.predict import Call, Predictor
from tfmodel_runtime.servables.servable import Handle, Servable

X = TensorSpec("x", "x:0", DataType.FLOAT, (-1,))
SIGNATURE = Signature("serving_default", {"x": X}, {"y": X}, "")
CALL = Call("m", None, None, "serving_default", "rest", timeout_seconds=30)


class Doubling:
    """Doubles numbers, refuses negative ones, and knows how many rows its calls had and on which thread they ran.

    A row `takes` so many seconds; what is known of its `pace` may be another time.
    """

    def __init__(self, takes: float = 0.0, **pace: Any) -> None:
        self.takes = takes
        known = {"seconds": 0.0001, "row_seconds": 0.00001, "row_size": 1, "batches": True, **pace}
        self.paces = {"serving_default": Pace(**known)}
        self.signatures = {"serving_default": SIGNATURE}
        self.calls: list[int] = []
        self.threads: list[int] = []

    def run(self, signature: Any, feeds: Any, fetches: Any, *, timeout_seconds: float | None) -> dict[str, Any]:
        self.calls.append(len(feeds["x"]))
        self.threads.append(threading.get_ident())
        time.sleep(len(feeds["x"]) * self.takes)
        if (feeds["x"] < 0).any():
            raise InvalidInputError("a number is negative")
        return {"y": feeds["x"] * 2}


class OneModel:
    """A manager of one version, which another may replace."""

    def __init__(self, model: Doubling) -> None:
        self.servable = Servable("m", 1, cast(Any, None), model=cast(Any, model))
        self.is_there = True

    def hold(self, *_: Any) -> tuple[Servable, Handle]:
        if not self.is_there:
            raise ModelNotFoundError("m", None)
        self.servable.holders += 1
        return self.servable, Handle("m", self.servable.version, cast(Any, self.servable.model))

    def would_hold(self, _name: Any, _version: Any, _label: Any, servable: Servable) -> bool:
        return self.is_there and servable is self.servable

    def hold_again(self, servable: Servable) -> None:
        servable.holders += 1

    def release(self, servable: Servable) -> None:
        servable.holders -= 1


class Text:
    """Messages are numbers written out, one row each. `broken` ones cannot be read, `?` is no number at all; 1000 is written by itself."""

    rows = 1

    def fits(self, signature: Signature) -> bool:
        return signature is SIGNATURE

    def admits(self, message: bytes) -> bool:
        return message != b"?"

    def read(self, messages: Sequence[bytes], _signature: Signature) -> Mapping[str, Any] | None:
        if b"unforeseen" in messages:
            raise MemoryError
        return None if b"broken" in messages else {"x": np.array([float(one) for one in messages], np.float32)}

    def write_all(self, outputs: Mapping[str, Any], count: int, *_: Any) -> list[bytes] | None:
        assert len(outputs["y"]) == count
        return None if 1000 in outputs["y"] else [b"%d" % value for value in outputs["y"]]

    def write(self, outputs: Mapping[str, Any], *_: Any) -> bytes:
        (value,) = outputs["y"]
        return b"alone %d" % value


class Waiting:
    """Who waits, and what it was told."""

    def __init__(self) -> None:
        self.told: list[bytes | None] = []

    def answered(self, message: bytes) -> None:
        self.told.append(message)

    def passed_over(self) -> None:
        self.told.append(None)


class World:
    """A lane to one model."""

    def __init__(self, threads: int = 1, most_waiting: int = 100, **pace: Any) -> None:
        self.model = Doubling(**pace)
        self.manager = OneModel(self.model)
        self.metrics = Metrics(CollectorRegistry(), version="0", tensorflow_version="0")
        self.predictor = Predictor(cast(Any, self.manager), self.metrics, threads=threads, most_waiting=most_waiting)
        self.lane = Lane(self.predictor, CALL, Text())

    def ask(self, *messages: bytes) -> list[Waiting]:
        waiting = [Waiting() for _ in messages]
        for message, one in zip(messages, waiting, strict=True):
            assert self.lane.take(message, one)
        return waiting

    def is_idle(self) -> bool:
        return self.predictor.traffic.count == 0 and self.manager.servable.holders == 0

    def counted(self) -> int:
        lines = self.metrics.exposition().decode().splitlines()
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith("tfmodel_runtime_requests_total"))


@pytest.fixture
def world() -> World:
    return World()


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if is_so():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to that")


async def test_those_who_come_together_share_a_call_and_get_their_own_answers(world: World) -> None:
    waiting = world.ask(b"1", b"2", b"3")
    await until(world.is_idle)
    assert world.model.calls == [3]
    assert [one.told for one in waiting] == [[b"2"], [b"4"], [b"6"]]
    assert world.counted() == 3


@pytest.mark.parametrize("wrong", [b"broken", b"unforeseen", b"-1"])
async def test_who_is_not_what_it_seems_sends_all_the_usual_way_uncounted(world: World, wrong: bytes) -> None:
    waiting = world.ask(b"1", wrong)
    await until(world.is_idle)
    assert [one.told for one in waiting] == [[None], [None]]
    assert world.counted() == 0
    assert [one.told for one in world.ask(b"4")] == [[]]
    await until(world.is_idle)
    assert world.counted() == 1


async def test_answers_that_cannot_be_written_together_are_written_one_by_one(world: World) -> None:
    waiting = world.ask(b"1", b"500")
    await until(world.is_idle)
    assert [one.told for one in waiting] == [[b"alone 2"], [b"alone 1000"]]


async def test_outputs_that_are_no_rows_send_all_the_usual_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.model, "run", lambda *_, **__: {"y": np.array(1, np.float32)})
    waiting = world.ask(b"1", b"2")
    await until(world.is_idle)
    assert [one.told for one in waiting] == [[None], [None]]


async def test_what_is_none_of_them_is_not_taken(world: World) -> None:
    assert not world.lane.take(b"?", Waiting())
    assert world.is_idle()


async def test_one_that_comes_after_the_version_moved_does_not_join_those_before(world: World) -> None:
    before = world.ask(b"1")
    world.manager.is_there = False
    assert not world.lane.take(b"2", Waiting())
    await until(world.is_idle)
    assert before[0].told == [b"2"]
    assert not world.lane.take(b"2", Waiting())


@pytest.mark.parametrize("pace", [{"batches": False}, {"seconds": 0.01, "row_seconds": 0.01}])
async def test_calls_that_must_not_be_shared_or_are_long_take_no_lane(pace: dict[str, Any]) -> None:
    world = World(**pace)
    assert not world.lane.take(b"1", Waiting())
    assert world.is_idle()


async def test_no_more_wait_than_may() -> None:
    world = World(most_waiting=2)
    world.ask(b"1", b"2")
    assert not world.lane.take(b"3", Waiting())
    await until(world.is_idle)


async def test_a_call_has_no_more_rows_than_its_time_allows() -> None:
    world = World(seconds=0.0002, row_seconds=0.0002)
    waiting = world.ask(*[b"%d" % number for number in range(25)])
    await until(world.is_idle)
    assert max(world.model.calls) <= 10
    assert [one.told for one in waiting] == [[b"%d" % (2 * number)] for number in range(25)]


async def test_who_all_have_room_in_a_call_share_one_here_and_more_than_that_run_on_all_cores() -> None:
    world = World(threads=2, seconds=0.0004, row_seconds=0.0004, takes=0.001)
    here = threading.get_ident()
    for count in (1, 4):
        world.ask(*[b"1"] * count)
        await until(world.is_idle)
    assert world.model.calls == [1, 4]
    assert world.model.threads == [here, here]
    waiting = world.ask(*[b"%d" % number for number in range(10)])
    await until(world.is_idle)
    assert world.model.calls[2:] == [5, 5]
    assert here not in world.model.threads[2:]
    assert [one.told for one in waiting] == [[b"%d" % (2 * number)] for number in range(10)]


async def test_while_calls_run_in_threads_none_runs_here() -> None:
    world = World(threads=2, seconds=0.0004, row_seconds=0.0004, takes=0.02)
    waiting = world.ask(*[b"1"] * 6)
    await until(world.is_idle)
    assert len(world.model.calls) == 2
    assert threading.get_ident() not in world.model.threads
    assert [one.told for one in waiting] == [[b"2"]] * 6


async def test_an_error_in_a_thread_passes_over_those_of_its_call_alone() -> None:
    world = World(threads=2, seconds=0.0004, row_seconds=0.0004, takes=0.001)
    waiting = world.ask(*[b"1"] * 5, b"-3", *[b"4"] * 4)
    await until(world.is_idle)
    assert [one.told for one in waiting] == [*[[b"2"]] * 5, *[[None]] * 5]
    assert world.counted() == 5
