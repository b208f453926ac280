"""One process among several: tells the others how it stands, and knows how they stand.

Reading is a look into memory, so that probes and status are answered at once, whatever the others do. Metrics are the exception: each
process is asked to write down its own first. Only what is written down is ever shown, so that the counts of a process that is killed
can be kept.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from tfmodel_runtime.processes import agreement, exposition
from tfmodel_runtime.processes.board import Area, Board, Lock, TooLargeError, ring
from tfmodel_runtime.processes.told import Told
from tfmodel_runtime.servables.servable import VersionState
from tfmodel_runtime.servables.states import State

_log = logging.getLogger(__name__)
_TELL_SECONDS = 0.05
_ANSWER_SECONDS = 1.0
_SILENT_SECONDS = 10.0
TOO_MANY = "there are more versions than one process can tell the others of"


class Siblings:
    """The view of the process in a slot. `run` keeps it up to date until it is cancelled."""

    def __init__(self, board: Board, slot: int, *, is_first: bool) -> None:
        """`is_first` says that no process was in this slot before."""
        self._board = board
        self._slot = slot
        self._others = board.others(slot)
        self._is_first = is_first
        self._is_open = False
        self._known: dict[int, tuple[int, Told | None]] = {}
        self._heard = asyncio.Event()
        self._last = b""
        self.own: Callable[[], Told] = Told
        """How this process stands; whether it is open and counts is added here."""
        self.expositions: Mapping[Area, Callable[[], bytes]] = {}
        """The metrics of this process."""
        self.on_news: Callable[[], None] = _nothing
        """Called when another process stands differently."""

    async def run(self) -> None:
        """Tells, and listens, until cancelled."""
        loop, board = asyncio.get_running_loop(), self._board
        bells = {board.news[self._slot]: self._hear, board.wishes[self._slot]: self._write_metrics}
        for bell, answer in bells.items():
            loop.add_reader(bell, _rung, bell, answer)
        try:
            while True:
                self.tell()
                await asyncio.sleep(_TELL_SECONDS)
        finally:
            for bell in bells:
                loop.remove_reader(bell)

    def tell(self) -> None:
        """Tells the others how this process stands, if it is news."""
        self._board.beat(self._slot, time.monotonic())
        told = self.own()
        counts = self._is_first or self._is_open
        text = Told(self._is_open, counts, told.objection, told.hang, told.versions).to_text()
        if text == self._last:
            return
        self._last = text
        try:
            self._board.write(self._slot, Area.STATE, text)
        except TooLargeError as error:
            _log.error("the other processes hold this one for not ready: %s", error)
            self._board.write(self._slot, Area.STATE, Told(self._is_open, counts, TOO_MANY).to_text())
        ring(self._board.news, self._others)

    async def until_wanted(self) -> None:
        """Waits until connections should come to this process.

        One that takes the place of another that ended lets the others answer until it can, if they can.
        """
        while not self._is_first and self.own().objection is not None:
            self._heard.clear()
            if all(told is None or not told.is_open or told.objection for _, told in self._told()):
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), _TELL_SECONDS)

    def open(self) -> None:
        """Connections come to this process from now on."""
        self._is_open = True
        self.tell()

    def objection(self) -> str | None:
        """Why requests should not be sent to the others; None if they should."""
        now = time.monotonic()
        for slot, told in self._told():
            name = f"process {slot + 1} of {self._board.processes}"
            if told is None:
                return f"{name} has not started yet"
            if told.counts and told.objection is not None:
                return f"{name}: {told.objection}"
            if told.counts and now - self._board.beaten(slot) > _SILENT_SECONDS:
                return f"{name} has not been heard of for {_SILENT_SECONDS:g} seconds"
        return None

    def hang(self) -> str | None:
        """Why only a new start helps one of the others; None if none needs it."""
        return next((told.hang for _, told in self._told() if told is not None and told.hang is not None), None)

    def is_available(self, model: str, version: int) -> bool:
        """Whether a version is available in each of the others."""
        return all(
            any(one.version == version and one.state == State.AVAILABLE.wire_name for one in states)
            for states in self._states(model)
        )

    def together(self, model: str, own: Sequence[VersionState]) -> list[VersionState]:
        """The states of a model's versions in all processes, where those in this one are given."""
        return agreement.together([own, *self._states(model)])

    async def exposition(self, area: Area) -> bytes:
        """The metrics of all processes. One that does not answer within a second counts with what it told last."""
        loop, board = asyncio.get_running_loop(), self._board
        before = {slot: board.turn(slot, area) for slot in self._others if board.beaten(slot)}
        ring(board.wishes, list(before))
        self._write_metrics()
        end = loop.time() + _ANSWER_SECONDS
        with contextlib.suppress(TimeoutError):
            while True:
                self._heard.clear()
                if all(board.turn(slot, area) != turn for slot, turn in before.items()):
                    break
                await asyncio.wait_for(self._heard.wait(), end - loop.time())
        with board.locked(Lock.COUNTS):
            texts = [board.read(slot, area) for slot in range(board.processes + 1)]
        return exposition.merged(texts)

    def turn_to_load(self) -> AbstractAsyncContextManager[None]:
        """Held by the one process that loads into memory that has a limit."""
        return self._board.turn_of(Lock.LOADING)

    def turn_to_optimize(self) -> AbstractAsyncContextManager[None]:
        """Held by the one process that optimises a version."""
        return self._board.turn_of(Lock.OPTIMIZING)

    def _told(self) -> Iterator[tuple[int, Told | None]]:
        for slot in self._others:
            turn = self._board.turn(slot, Area.STATE)
            known = self._known.get(slot)
            if known is None or known[0] != turn:
                known = self._known[slot] = (turn, Told.from_text(self._board.read(slot, Area.STATE)))
            yield slot, known[1]

    def _states(self, model: str) -> list[Sequence[VersionState]]:
        """What each of the others that counts tells of a model; nothing where one has not started yet."""
        return [
            () if told is None else told.versions.get(model, ())
            for _, told in self._told()
            if told is None or told.counts
        ]

    def _hear(self) -> None:
        self._heard.set()
        self.on_news()

    def _write_metrics(self) -> None:
        for area, make in self.expositions.items():
            try:
                self._board.write(self._slot, area, make())
            except TooLargeError as error:
                _log.error("the metrics of this process are not told any more: %s", error)
        ring(self._board.news, self._others)


def _rung(bell: int, answer: Callable[[], None]) -> None:
    with contextlib.suppress(BlockingIOError):
        os.eventfd_read(bell)
    answer()


def _nothing() -> None:
    """Nobody listens."""
