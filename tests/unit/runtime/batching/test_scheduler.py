"""When batches run, with a model that waits until a test lets it go."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tfmodel_runtime.batching.parameters import Parameters
from tfmodel_runtime.batching.scheduler import Key, Scheduler, Task
from tfmodel_runtime.errors import ExecutionError, OverloadedError, TimedOutError

KEY = Key("m", "s", 1)


class Heard:
    def __init__(self) -> None:
        self.batches: list[int] = []
        self.waiting = 0

    def batch_ran(self, model: str, signature: str, rows: int, waits: list[float]) -> None:
        self.batches.append(rows)

    def batch_queued(self, model: str, change: int) -> None:
        self.waiting += change


class Doubling:
    """Doubles x; fails a run that holds a negative number."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.sizes: list[int] = []

    def __call__(self, feeds: Any, left: float | None) -> dict[str, Any]:
        self.sizes.append(len(feeds["x"]))
        assert self.go.wait(30)
        if (feeds["x"] < 0).any():
            raise ExecutionError(3, "negative")
        return {"y": feeds["x"] * 2}


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def model() -> Doubling:
    return Doubling()


@pytest.fixture
def scheduler(heard: Heard, model: Doubling) -> Iterator[Scheduler]:
    made = Scheduler(1, heard)
    yield made
    model.go.set()
    made.close()


def a_task(*values: float, deadline: float | None = None) -> Task:
    return Task({"x": np.array(values)}, len(values), deadline, asyncio.get_running_loop().create_future())


async def started(model: Doubling, count: int = 1) -> None:
    async with asyncio.timeout(10):
        while True:
            if len(model.sizes) >= count:
                return
            await asyncio.sleep(0.005)


async def test_what_waits_while_a_batch_runs_runs_together(scheduler: Scheduler, model: Doubling, heard: Heard) -> None:
    model.go.clear()
    parameters = Parameters(max_rows=4)
    tasks = [a_task(float(number)) for number in range(6)]
    for task in tasks:
        scheduler.submit(KEY, parameters, model, task)
        await started(model)
    assert heard.waiting == 5
    model.go.set()
    answers = await asyncio.gather(*(task.outcome for task in tasks))
    assert [answer["y"].tolist() for answer in answers] == [[0], [2], [4], [6], [8], [10]]
    assert model.sizes == [1, 4, 1]
    assert (heard.batches, heard.waiting) == ([1, 4, 1], 0)


async def test_a_batch_waits_for_more_until_its_time_is_over(scheduler: Scheduler, model: Doubling) -> None:
    parameters = Parameters(max_rows=2, timeout_seconds=3600)
    first, second = a_task(1), a_task(2)
    scheduler.submit(KEY, parameters, model, first)
    await asyncio.sleep(0.01)
    assert model.sizes == []
    scheduler.submit(KEY, parameters, model, second)
    await asyncio.gather(first.outcome, second.outcome)
    assert model.sizes == [2]
    soon = a_task(3)
    scheduler.submit(KEY, Parameters(max_rows=2, timeout_seconds=0.01), model, soon)
    assert (await soon.outcome)["y"].tolist() == [6]


async def test_a_full_queue_refuses(scheduler: Scheduler, model: Doubling) -> None:
    model.go.clear()
    parameters = Parameters(max_rows=1, max_enqueued_batches=2)
    tasks = [a_task(1) for _ in range(4)]
    scheduler.submit(KEY, parameters, model, tasks[0])
    await started(model)
    for task in tasks[1:3]:
        scheduler.submit(KEY, parameters, model, task)
    with pytest.raises(OverloadedError, match="queue to which this task was submitted is full"):
        scheduler.submit(KEY, parameters, model, tasks[3])
    model.go.set()
    await asyncio.gather(*(task.outcome for task in tasks[:3]))


async def test_a_request_that_fails_harms_no_other(scheduler: Scheduler, model: Doubling) -> None:
    model.go.clear()
    tasks = [a_task(1), a_task(2), a_task(-1), a_task(3)]
    for task in tasks:
        scheduler.submit(KEY, Parameters(), model, task)
        await started(model)
    model.go.set()
    found = await asyncio.gather(*(task.outcome for task in tasks), return_exceptions=True)
    assert isinstance(found[2], ExecutionError)
    assert [one["y"].tolist() for number, one in enumerate(found) if number != 2] == [[2], [4], [6]]  # type: ignore[index]


async def test_what_cannot_be_split_runs_alone(scheduler: Scheduler, model: Doubling) -> None:
    def total(feeds: Any, left: float | None) -> dict[str, Any]:
        model(feeds, left)
        return {"total": feeds["x"].sum()}

    model.go.clear()
    tasks = [a_task(1), a_task(2), a_task(3)]
    for task in tasks:
        scheduler.submit(KEY, Parameters(), total, task)
        await started(model)
    model.go.set()
    assert [(await task.outcome)["total"] for task in tasks] == [1, 2, 3]


async def test_a_request_whose_time_is_over_does_not_run(scheduler: Scheduler, model: Doubling) -> None:
    model.go.clear()
    first, late = a_task(1), a_task(2, deadline=time.monotonic() + 0.01)
    scheduler.submit(KEY, Parameters(), model, first)
    await started(model)
    scheduler.submit(KEY, Parameters(), model, late)
    await asyncio.sleep(0.02)
    model.go.set()
    with pytest.raises(TimedOutError):
        await late.outcome
    await first.outcome
    assert model.sizes == [1]


async def test_a_request_that_waits_can_be_withdrawn_and_one_that_runs_cannot(
    scheduler: Scheduler, model: Doubling, heard: Heard
) -> None:
    model.go.clear()
    runs, waits = a_task(1), a_task(2)
    scheduler.submit(KEY, Parameters(), model, runs)
    await started(model)
    scheduler.submit(KEY, Parameters(), model, waits)
    assert scheduler.withdraw(KEY, waits)
    assert not scheduler.withdraw(KEY, runs)
    assert heard.waiting == 0
    model.go.set()
    await runs.outcome


async def test_different_keys_do_not_mix_and_the_oldest_goes_first(scheduler: Scheduler, model: Doubling) -> None:
    model.go.clear()
    other = Key("m", "s", 2)
    tasks = [a_task(1), a_task(2, 2), a_task(3)]
    scheduler.submit(KEY, Parameters(), model, tasks[0])
    await started(model)
    scheduler.submit(other, Parameters(), model, tasks[1])
    scheduler.submit(KEY, Parameters(), model, tasks[2])
    model.go.set()
    await asyncio.gather(*(task.outcome for task in tasks))
    assert model.sizes == [1, 2, 1]
