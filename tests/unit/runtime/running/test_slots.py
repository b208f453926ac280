"""Calls in threads: one slot does not take what another could do at the same time."""

import asyncio
import threading
from typing import Any, cast

import numpy as np

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.engine.pace import Pace
from tfmodel_runtime.engine.signature import Ask, Signature, TensorSpec
from tfmodel_runtime.running.slots import Slots
from tfmodel_runtime.running.work import Work

X = TensorSpec("x", "x:0", DataType.FLOAT, (-1,))
SIGNATURE = Signature("serving_default", {"x": X}, {"y": X}, "")


class Held:
    """Doubles, each call once it is let go, and knows how many rows the calls had that have begun."""

    def __init__(self) -> None:
        self.paces = {"serving_default": Pace(seconds=0.0005, row_seconds=0.0004, row_size=1, batches=True)}
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.calls: list[int] = []

    def run(self, signature: Any, feeds: Any, fetches: Any, *, timeout_seconds: float | None) -> dict[str, Any]:
        self.calls.append(len(feeds["x"]))
        self.begun.release()
        assert self.go.acquire(timeout=30)
        return {"y": feeds["x"] * 2}


async def test_what_waits_is_shared_out_among_the_slots() -> None:
    slots, model = Slots(2), Held()
    told: asyncio.Queue[float] = asyncio.Queue()

    def work(value: float) -> Work:
        made = Work(
            cast("Any", model), SIGNATURE, Ask({"x": np.array([value], np.float32)}), None,
            lambda outputs, _error: told.put_nowait(float((outputs or {})["y"][0])),
        )  # fmt: skip
        made.look()
        return made

    for number in range(10):
        slots.submit(work(number))
    for _ in range(2):
        await asyncio.to_thread(model.begun.acquire)
    for _ in range(10):
        model.go.release()
    assert sorted([await told.get() for _ in range(10)]) == [2.0 * number for number in range(10)]
    assert sum(model.calls) == 10
    assert max(model.calls) <= 5
    assert model.calls[0] == model.calls[1] == 1
    slots.close()
