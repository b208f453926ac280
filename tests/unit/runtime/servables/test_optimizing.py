"""Versions are optimised while they answer: held for as long, left alone when they go, and what they ran on is freed."""

import asyncio
import logging
import threading
from pathlib import Path

import pytest

from tfmodel_runtime.engine import optimize
from tfmodel_runtime.engine.modes import Mode
from tfmodel_runtime.engine.obstacles import Obstacle
from tfmodel_runtime.engine.optimize import Abandoned, Outcome
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.servables import optimizing
from tfmodel_runtime.servables.optimizing import Optimizing, Settings
from tfmodel_runtime.servables.servable import Servable
from tfmodel_runtime.servables.states import State


def available(path: Path) -> Servable:
    return Servable("m", 1, path, state=State.AVAILABLE, model=SavedModel.load(path))


async def test_what_a_version_ran_on_is_freed_before_it_is_told(
    saved_models: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(optimize, "_ratio", lambda *_: 0.5)
    monkeypatch.setattr(optimizing, "_SECONDS_TO_FINISH", 0.0)
    monkeypatch.setattr(optimizing, "_MOST_SECONDS_TO_FREE", 1.0)
    servable = available(saved_models / "deep" / "1")
    assert servable.model is not None
    freed = threading.Event()
    servable.model.program.when_freed(freed.set)
    with caplog.at_level(logging.WARNING):
        outcome = await Optimizing(Settings(Mode.GRAPH, free=lambda: None)).run(servable)
    assert outcome is not None
    assert outcome.used is Mode.GRAPH
    assert freed.is_set()
    assert caplog.messages == []
    assert servable.holders == 0
    servable.model.close()


async def test_what_a_version_runs_on_now_is_measured(saved_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimize, "_ratio", lambda *_: 0.5)
    servable = available(saved_models / "digits" / "1")
    assert servable.model is not None
    outcome = await Optimizing(Settings(Mode.GRAPH, free=lambda: None)).run(servable)
    assert outcome is not None
    assert outcome.used is Mode.GRAPH
    assert all(pace.seconds < 1 for pace in servable.model.paces.values())
    servable.model.close()


async def test_what_cannot_be_measured_anew_is_told_as_optimised_all_the_same(
    saved_models: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_model: SavedModel) -> None:
        raise MemoryError

    monkeypatch.setattr(optimize, "_ratio", lambda *_: 0.5)
    monkeypatch.setattr(optimizing, "measure", fail)
    servable = available(saved_models / "digits" / "1")
    assert servable.model is not None
    outcome = await Optimizing(Settings(Mode.GRAPH, free=lambda: None)).run(servable)
    assert outcome is not None
    assert outcome.used is Mode.GRAPH
    assert "measuring version 1 of m anew failed" in caplog.text
    servable.model.close()


async def test_without_room_it_is_not_even_begun(saved_models: Path) -> None:
    servable = available(saved_models / "deep" / "1")
    assert servable.model is not None
    outcome = await Optimizing(Settings(Mode.GRAPH, free=lambda: 1000)).run(servable)
    assert outcome is not None
    assert (outcome.used, outcome.obstacle) == (Mode.NONE, Obstacle.NO_ROOM)
    assert "memory limit" in outcome.message
    servable.model.close()


async def test_a_version_is_held_until_the_work_on_it_has_ended(
    saved_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(given: optimize.Work, _mode: Mode) -> tuple[Outcome, None]:
        begun.set()
        while not given.is_over():
            ended.wait(0.01)
        ended.set()
        raise Abandoned

    monkeypatch.setattr(optimizing, "optimize", work)
    servable = available(saved_models / "deep" / "1")
    assert servable.model is not None
    task = asyncio.create_task(Optimizing(Settings(Mode.GRAPH, free=lambda: None)).run(servable))
    await asyncio.to_thread(begun.wait, 30)
    assert servable.holders == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert servable.holders == 0
    servable.model.close()


async def test_a_version_that_is_unloaded_meanwhile_is_left_alone(
    saved_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servable = available(saved_models / "deep" / "1")
    assert servable.model is not None
    servable.state = State.DRAINING
    assert await Optimizing(Settings(Mode.GRAPH, free=lambda: None)).run(servable) is None
    servable.model.close()


async def test_an_unforeseen_error_leaves_the_version_as_it_is(
    saved_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(optimizing, "optimize", broken)
    servable = available(saved_models / "deep" / "1")
    assert servable.model is not None
    outcome = await Optimizing(Settings(Mode.GRAPH, free=lambda: None)).run(servable)
    assert outcome == Outcome(Mode.NONE, Obstacle.FAILED, "ZeroDivisionError: oh")
    servable.model.close()
