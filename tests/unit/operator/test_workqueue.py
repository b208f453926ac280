"""The queue of keys, by a clock that the test moves."""

import asyncio

import pytest

from tfmodel_operator.values import Key
from tfmodel_operator.workqueue import WorkQueue

A, B = Key("lab", "a"), Key("lab", "b")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def taken(queue: WorkQueue) -> Key | None:
    try:
        return await asyncio.wait_for(queue.take(), 0.02)
    except TimeoutError:
        return None


async def test_a_key_waits_once_however_often_it_is_added() -> None:
    queue = WorkQueue(Clock())
    for _ in range(3):
        queue.add(A)
    assert await taken(queue) == A
    queue.done(A)
    assert await taken(queue) is None


async def test_a_key_is_worked_on_by_one_worker_at_a_time() -> None:
    queue = WorkQueue(Clock())
    queue.add(A)
    assert await taken(queue) == A
    queue.add(A)
    assert await taken(queue) is None
    queue.done(A)
    assert await taken(queue) == A


async def test_a_busy_key_holds_up_no_other() -> None:
    queue = WorkQueue(Clock())
    queue.add(A)
    assert await taken(queue) == A
    queue.add(A)
    queue.add(B)
    assert await taken(queue) == B


async def test_a_delayed_key_comes_when_it_is_due_and_an_event_brings_it_forward() -> None:
    clock = Clock()
    queue = WorkQueue(clock)
    queue.add(A, 30)
    assert await taken(queue) is None
    clock.now += 30
    queue.add(B, 30)
    assert await taken(queue) == A
    queue.done(A)
    queue.add(B)
    assert await taken(queue) == B
    queue.done(B)
    clock.now += 60
    assert await taken(queue) is None


async def test_the_wait_of_a_failing_key_grows_until_it_succeeds() -> None:
    clock = Clock()
    queue = WorkQueue(clock)

    async def due_after(seconds: float) -> bool:
        clock.now += seconds
        key = await taken(queue)
        if key is not None:
            queue.done(key)
        return key is not None

    queue.add_failed(A)
    assert not await due_after(0.3)
    assert await due_after(0.4)
    queue.add_failed(A)
    assert not await due_after(0.7)
    assert await due_after(0.6)
    queue.forget(A)
    queue.add_failed(A)
    assert await due_after(0.7)


async def test_depth_and_age_tell_what_is_overdue() -> None:
    clock = Clock()
    queue = WorkQueue(clock)
    queue.add(A)
    queue.add(B, 3600)
    clock.now += 5
    assert (queue.depth(), queue.age_seconds()) == (1, 5.0)
    assert await taken(queue) == A
    assert (queue.depth(), queue.age_seconds()) == (0, 0.0)


@pytest.mark.parametrize("count", [1, 50])
async def test_every_key_comes_once(count: int) -> None:
    queue = WorkQueue(Clock())
    keys = {Key("lab", str(number)) for number in range(count)}
    for key in keys:
        queue.add(key)
    assert {await taken(queue) for _ in range(count)} == keys
