"""Threads that may be lost: what is begun goes first, what hangs is counted, and found again when it ends."""

import asyncio
import threading

import pytest

from tfmodel_runtime.handler.threads import Threads


@pytest.fixture
def go() -> threading.Event:
    return threading.Event()


async def test_results_and_failures_come_back() -> None:
    threads = Threads(2)
    assert [await threads.run(lambda: 1, 30), await threads.run(lambda: 2, 30)] == [1, 2]
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0, 30)
    assert await threads.run(threading.current_thread().is_alive, 30)
    threads.close()


async def test_what_is_begun_goes_before_what_is_not(go: threading.Event) -> None:
    threads, order = Threads(1), list[str]()
    running = threading.Event()

    def hold() -> None:
        running.set()
        assert go.wait(30)

    waiting = [asyncio.create_task(threads.run(hold, 30))]
    await asyncio.to_thread(running.wait, 30)
    waiting += [asyncio.create_task(threads.run(lambda: order.append("next"), 30)) for _ in range(2)]
    await asyncio.sleep(0)
    waiting.append(asyncio.create_task(threads.run(lambda: order.append("begun"), 30, is_begun=True)))
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*waiting)
    assert order == ["begun", "next", "next"]


async def test_what_hangs_is_lost_until_it_ends_and_what_only_waited_is_not(go: threading.Event) -> None:
    told: list[int] = []
    threads = Threads(1, told.append)
    with pytest.raises(TimeoutError):
        await threads.run(lambda: go.wait(30), 0.05)
    assert (threads.lost, told) == (1, [1])
    with pytest.raises(TimeoutError):
        await threads.run(lambda: None, 0.05)
    assert (threads.lost, told) == (1, [1])
    go.set()
    await threads.run(lambda: None, 30)
    assert (threads.lost, told) == (0, [1, -1])


async def test_closed_threads_end_after_what_is_there(go: threading.Event) -> None:
    before = threading.active_count()
    threads = Threads(2)
    held = [asyncio.create_task(threads.run(lambda: go.wait(30), 30)) for _ in range(3)]
    await asyncio.sleep(0)
    threads.close()
    go.set()
    assert await asyncio.gather(*held) == [True] * 3
    for _ in range(100):
        if threading.active_count() == before:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the threads are still there")
