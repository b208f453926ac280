"""Light calls in the event loop: who comes within a few turns shares a call, and nobody shares another's error."""

import asyncio
import time
from typing import Any, cast

import numpy as np
import pytest

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.engine.pace import Pace
from tfmodel_runtime.engine.signature import Ask, Signature, TensorSpec
from tfmodel_runtime.errors import InvalidInputError, TimedOutError
from tfmodel_runtime.running.inline import Inline
from tfmodel_runtime.running.slots import Slots
from tfmodel_runtime.running.work import Work

X = TensorSpec("x", "x:0", DataType.FLOAT, (-1, 2))
Y = TensorSpec("y", "y:0", DataType.FLOAT, (-1, 2))
SIGNATURE = Signature("serving_default", {"x": X}, {"y": Y}, "")


class Doubling:
    """Doubles; refuses negative numbers. It knows how many rows each of its calls had."""

    def __init__(self, **pace: Any) -> None:
        known = {"seconds": 0.0001, "row_seconds": 0.00001, "row_size": 2, "batches": True, **pace}
        self.paces = {"serving_default": Pace(**known)}
        self.calls: list[int] = []

    def run(self, signature: Any, feeds: Any, fetches: Any, *, timeout_seconds: float | None) -> dict[str, Any]:
        self.calls.append(len(feeds["x"]))
        if (feeds["x"] < 0).any():
            raise InvalidInputError("a number is negative")
        return {"y": feeds["x"] * 2}


def work(model: Doubling, rows: list[list[float]], deadline: float | None = None) -> tuple[Work, list[Any]]:
    """A call, and what it was told."""
    told: list[Any] = []

    def done(outputs: Any, error: Any) -> None:
        told.append(error if error is not None else outputs["y"].tolist())

    made = Work(cast(Any, model), SIGNATURE, Ask({"x": np.array(rows, np.float32)}), deadline, done)
    made.look()
    return made, told


async def turns() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


async def test_those_who_come_together_share_a_call_and_get_their_own_rows() -> None:
    inline, model = Inline(), Doubling()
    works = [work(model, [[number, 0]] * (1 + number % 2)) for number in range(5)]
    for one, _ in works:
        assert inline.takes(one)
        inline.submit(one)
    await turns()
    assert model.calls == [7]
    assert [told for _, told in works] == [[[[2.0 * number, 0]] * (1 + number % 2)] for number in range(5)]


async def test_who_comes_alone_gets_its_answer_within_a_turn_or_two() -> None:
    inline, model = Inline(), Doubling()
    one, told = work(model, [[1, 2]])
    inline.submit(one)
    await asyncio.sleep(0)
    assert told == [[[2, 4]]]


async def test_one_bad_request_does_not_spoil_its_neighbours() -> None:
    inline, model = Inline(), Doubling()
    works = [work(model, [[number, 0]]) for number in (1, -1, 2)]
    for one, _ in works:
        inline.submit(one)
    await turns()
    assert works[0][1] == [[[2, 0]]]
    assert works[2][1] == [[[4, 0]]]
    assert [type(told) for told in works[1][1]] == [InvalidInputError]
    assert model.calls == [3, 1, 1, 1]


async def test_a_call_takes_no_more_rows_than_it_may_have_time_for() -> None:
    inline, model = Inline(), Doubling(seconds=0.0005, row_seconds=0.0005)
    for _ in range(10):
        inline.submit(work(model, [[1, 1]])[0])
    await turns()
    assert sum(model.calls) == 10
    assert max(model.calls) <= 4


async def test_who_is_late_or_gone_is_left_out() -> None:
    inline, model = Inline(), Doubling()
    late, told_late = work(model, [[1, 1]], deadline=time.monotonic() - 1)
    gone, told_gone = work(model, [[1, 1]])
    for one in (late, gone):
        inline.submit(one)
    gone.done = None
    await turns()
    assert [type(told) for told in told_late] == [TimedOutError]
    assert told_gone == []
    assert model.calls == []


@pytest.mark.parametrize("rows", [[[1, 2, 3]], [[1]], [1, 2], []])
def test_rows_of_another_shape_are_not_put_together(rows: Any) -> None:
    assert not work(Doubling(), rows)[0].shares


def test_what_takes_too_long_is_not_taken() -> None:
    inline = Inline()
    assert not inline.takes(work(Doubling(seconds=0.001), [[1, 2]])[0])
    assert not inline.takes(work(Doubling(batches=False, row_seconds=0.0001), [[1, 2]] * 1000)[0])
    assert inline.takes(work(Doubling(), [[1, 2]] * 100)[0])


async def test_what_waits_for_a_slot_shares_the_next_call_where_it_pays() -> None:
    model, slots = Doubling(seconds=0.001, row_seconds=0.0001), Slots(1)
    works = [work(model, [[number, 0]])[0] for number in (1, -1, 2, 3)]
    found = await asyncio.gather(*(slots.run(one) for one in works), return_exceptions=True)
    assert [type(one) for one in found] == [dict, InvalidInputError, dict, dict]
    assert [one["y"].tolist() for one in found if isinstance(one, dict)] == [[[2, 0]], [[4, 0]], [[6, 0]]]
    assert model.calls[:2] == [1, 3]
    slots.close()
