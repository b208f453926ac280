"""What a process knows of the others, and they of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tfmodel_runtime.processes import siblings as module
from tfmodel_runtime.processes.board import Area, Board, ring
from tfmodel_runtime.processes.siblings import TOO_MANY, Siblings
from tfmodel_runtime.processes.supervisor import Supervisor
from tfmodel_runtime.processes.told import ENDED, Told
from tfmodel_runtime.servables.servable import VersionState

UP, LOADING = VersionState(1, "AVAILABLE", 0, ""), VersionState(1, "LOADING", 0, "")


def two(**first: bool) -> tuple[Board, Siblings, Siblings]:
    """The processes one and two, both just started."""
    board = Board(2)
    return (
        board,
        Siblings(board, 0, is_first=first.get("one", True)),
        Siblings(board, 1, is_first=first.get("two", True)),
    )


def told(objection: str | None = None, *states: VersionState, hang: str | None = None) -> Callable[[], Told]:
    return lambda: Told(objection=objection, hang=hang, versions={"m": states})


@asynccontextmanager
async def running(*processes: Siblings) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in processes]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_a_process_that_has_not_started_yet_is_waited_for() -> None:
    _, one, two_ = two()
    assert one.objection() == "process 2 of 2 has not started yet"
    assert not one.is_available("m", 1)
    two_.tell()
    assert one.objection() is None


def test_the_objection_of_one_is_that_of_all() -> None:
    _, one, two_ = two()
    two_.own = told("no wanted version is loaded and warmed up yet", hang="the handler hangs")
    two_.tell()
    assert one.objection() == "process 2 of 2: no wanted version is loaded and warmed up yet"
    assert one.hang() == "the handler hangs"
    two_.own = told()
    two_.tell()
    assert (one.objection(), one.hang()) == (None, None)


def test_a_process_that_ended_does_not_count_until_its_successor_is_open() -> None:
    board, one, _ = two()
    board.write(1, Area.STATE, ENDED)
    assert one.objection() is None
    assert one.is_available("m", 1)
    successor = Siblings(board, 1, is_first=False)
    successor.own = told("loads", LOADING)
    successor.tell()
    assert one.objection() is None
    assert one.together("m", [UP]) == [UP]
    successor.open()
    assert one.objection() == "process 2 of 2: loads"
    assert one.together("m", [UP]) == [LOADING]
    assert not one.is_available("m", 1)


def test_a_silent_process_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    _, one, two_ = two()
    two_.tell()
    later = time.monotonic() + 11
    monkeypatch.setattr("tfmodel_runtime.processes.siblings.time.monotonic", lambda: later)
    assert one.objection() == "process 2 of 2 has not been heard of for 10 seconds"


def test_more_versions_than_can_be_told_are_an_objection() -> None:
    _, one, two_ = two()
    two_.own = told(None, *[VersionState(number, "END", 2, "x" * 1000) for number in range(5000)])
    two_.tell()
    assert one.objection() == f"process 2 of 2: {TOO_MANY}"


async def test_the_first_processes_open_at_once_and_a_successor_once_it_can_answer() -> None:
    board, one, two_ = two()
    one.own = two_.own = told("loads")
    await asyncio.wait_for(one.until_wanted(), 5)
    one.own = told()
    one.open()
    successor = Siblings(board, 1, is_first=False)
    successor.own = told("loads")
    waiting = asyncio.create_task(successor.until_wanted())
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done
    successor.own = told()
    await asyncio.wait_for(waiting, 5)


async def test_a_successor_opens_at_once_if_nobody_answers() -> None:
    board, one, _ = two()
    one.own = told("loads")
    one.open()
    successor = Siblings(board, 1, is_first=False)
    successor.own = told("loads")
    await asyncio.wait_for(successor.until_wanted(), 5)


async def test_news_are_heard() -> None:
    _, one, two_ = two()
    news = asyncio.Event()
    one.on_news = news.set
    async with running(one, two_):
        two_.own = told(None, UP)
        while not one.is_available("m", 1):
            news.clear()
            await asyncio.wait_for(news.wait(), 5)


def counted(count: int) -> bytes:
    return f"# TYPE a_total counter\na_total {float(count)}\n# TYPE b gauge\nb {float(count)}\n".encode()


async def test_metrics_are_those_of_all_as_they_are_now() -> None:
    _, one, two_ = two()
    counts = {1: 3, 2: 4}
    one.expositions = {Area.METRICS: lambda: counted(counts[1])}
    two_.expositions = {Area.METRICS: lambda: counted(counts[2])}
    async with running(one, two_):
        assert b"a_total 7.0" in await one.exposition(Area.METRICS)
        counts[2] = 10
        assert b"a_total 13.0" in await one.exposition(Area.METRICS)
        assert b"a_total 13.0" in await two_.exposition(Area.METRICS)


async def test_a_process_that_does_not_answer_counts_with_what_it_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWER_SECONDS", 0.1)
    board, one, two_ = two()
    one.expositions = {Area.METRICS: lambda: counted(3)}
    board.write(1, Area.METRICS, counted(4))
    two_.tell()
    async with running(one):
        assert b"a_total 7.0" in await one.exposition(Area.METRICS)


async def test_no_counter_falls_when_a_process_ends() -> None:
    board, one, _ = two()
    one.expositions = {Area.METRICS: lambda: counted(3)}
    board.write(1, Area.METRICS, counted(4))
    supervisor = Supervisor(board, lambda _slot, _is_first: 0)
    async with running(one):
        supervisor._restarts = 1
        supervisor._keep_counts(1)
        text = await one.exposition(Area.METRICS)
        assert b"a_total 7.0" in text
        assert b"b 3.0" in text
        assert b"tfmodel_runtime_process_restarts_total 1.0" in text
        assert one.objection() is None
        board.write(1, Area.METRICS, counted(1))
        assert b"a_total 8.0" in await one.exposition(Area.METRICS)


def test_bells_of_processes_that_are_not_there_do_no_harm() -> None:
    board, _, _ = two()
    for _ in range(10):
        ring(board.news, [0, 1])
