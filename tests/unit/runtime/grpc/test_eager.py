"""A coroutine runs at once; only one that waits becomes a task, which can be cancelled and goes on as any other."""

import asyncio
from typing import Any

import pytest

from tfmodel_runtime.grpc import eager


async def test_what_does_not_wait_is_done_at_once() -> None:
    done: list[int] = []

    async def work() -> None:
        done.append(1)

    assert eager.start(asyncio.get_running_loop(), work()) is None
    assert done == [1]


async def test_what_waits_goes_on_in_a_task_and_hears_of_failures() -> None:
    told: list[Any] = []
    first: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    second: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        told.append(await first)
        try:
            await second
        except ValueError as error:
            told.append(str(error))
        await asyncio.sleep(0)
        told.append("end")

    task = eager.start(asyncio.get_running_loop(), work())
    first.set_result(1)
    second.set_exception(ValueError("no"))
    assert task is not None
    await task
    assert told == [1, "no", "end"]


async def test_a_task_that_is_cancelled_lets_its_coroutine_know() -> None:
    told: list[str] = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    loop = asyncio.get_running_loop()
    task = eager.start(loop, work())
    assert task is not None
    loop.call_soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["cancelled"]
