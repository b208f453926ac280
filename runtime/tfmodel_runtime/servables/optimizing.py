"""Optimises versions once they are available: one at a time, in a thread of its own, while they answer already.

The version is held meanwhile, as by a request, so that it is not unloaded under the work; one that is no longer wanted is left as it is.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfmodel.memory import trim
from tfmodel_runtime.engine.measuring import measure
from tfmodel_runtime.engine.modes import Mode
from tfmodel_runtime.engine.obstacles import Obstacle
from tfmodel_runtime.engine.optimize import Abandoned, Outcome, Work, optimize
from tfmodel_runtime.engine.program import Program
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.servables import memory
from tfmodel_runtime.servables.servable import Servable
from tfmodel_runtime.servables.states import State

_log = logging.getLogger(__name__)
_COPIES = 5
"""How many times its size a version may take while a second graph is made from it: values, message, graph, session."""
_SECONDS_TO_FINISH = 1.0
_MOST_SECONDS_TO_FREE = 60.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How versions are optimised. `free` tells how many bytes of memory there are; None: no limit. `turn` keeps other processes from it."""

    mode: Mode
    tags: tuple[str, ...] = ("serve",)
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    free: Callable[[], int | None] = memory.free_bytes
    turn: memory.Turn = contextlib.nullcontext


class Optimizing:
    """Optimises versions, one after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()

    async def run(self, servable: Servable) -> Outcome | None:
        """Optimises an available version; None if it is not wanted any more. Ends only once nothing works on it."""
        model = servable.model
        if model is None:
            return None
        stop = threading.Event()
        servable.holders += 1
        try:
            async with self._turn, self._settings.turn():
                working = asyncio.ensure_future(asyncio.to_thread(self._work, servable, model, stop))
                try:
                    return await asyncio.shield(working)
                except asyncio.CancelledError:
                    stop.set()
                    await _end_of(working)
                    raise
        finally:
            model.samples = None
            servable.holders -= 1
            if servable.holders == 0:
                servable.released.set()

    def _work(self, servable: Servable, model: SavedModel, stop: threading.Event) -> Outcome | None:
        settings = self._settings
        objection = self._objection(servable.path)
        if objection is not None:
            return objection
        work = Work(
            model,
            servable.path,
            settings.tags,
            settings.intra_op_threads,
            settings.inter_op_threads,
            is_over=lambda: stop.is_set() or servable.state is not State.AVAILABLE,
        )
        try:
            outcome, before = optimize(work, settings.mode)
        except Abandoned:
            return None
        except Exception as error:  # noqa: BLE001 - a stage's rim: the version answers, whatever becomes of this
            _log.exception("optimising version %d of %s failed unforeseen", servable.version, servable.name)
            return Outcome(Mode.NONE, Obstacle.FAILED, f"{type(error).__name__}: {error}")
        if before is not None:
            _measure(model, servable)
            held, before = [before], None  # a name that is kept here would keep the program too
            _give_back(held, stop)
        trim()
        return outcome

    def _objection(self, path: Path) -> Outcome | None:
        free = self._settings.free()
        needed = memory.needed_bytes(path) * _COPIES
        if free is None or needed <= free:
            return None
        told = f"it takes about {needed // 2**20} MiB for a while, and {max(0, free) // 2**20} MiB are left of the memory limit"
        return Outcome(Mode.NONE, Obstacle.NO_ROOM, told)


def _measure(model: SavedModel, servable: Servable) -> None:
    """Measures what a version runs on now. If that fails the paces of before stand, and it serves all the same."""
    try:
        measure(model)
    except Exception:  # noqa: BLE001 - a stage's rim: the version answers as it did
        _log.exception("measuring version %d of %s anew failed unforeseen", servable.version, servable.name)


def _give_back(held: list[Program], stop: threading.Event) -> None:
    """Lets the last requests that run on a program finish, and waits until it is freed.

    It is held for a moment, so that it is freed here rather than in a request, if none of those takes longer.
    """
    freed = threading.Event()
    held[0].when_freed(freed.set)
    stop.wait(_SECONDS_TO_FINISH)
    held.clear()
    end = time.monotonic() + _MOST_SECONDS_TO_FREE
    while not (freed.wait(_SECONDS_TO_FINISH) or stop.is_set() or time.monotonic() > end):
        pass


async def _end_of(working: "asyncio.Future[Outcome | None]") -> None:
    """Waits for a thread, however often the waiting is cancelled: the version must be held for as long as it works."""
    while not working.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([working])
    if not working.cancelled():
        working.exception()
