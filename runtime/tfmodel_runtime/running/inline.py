"""Light calls, in the event loop: those of requests that arrive within a few of its turns share one.

There is no timer. Whoever comes first lets the loop turn, in which it reads what other clients have sent; as soon as nobody has
come for three turns, or one if as many are there as shared the last call, the call is made. A lone client waits for one turn.
"""

import asyncio
import time

from tfmodel_runtime.engine.pace import LOOP_SECONDS, Pace
from tfmodel_runtime.running.work import Outputs, Work, late, outcomes

_QUIET_TURNS = 3
_MOST_ROWS = 128


class _Group:
    """Those that will share the next call of one signature."""

    __slots__ = ("most_rows", "pace", "quiet", "rows", "seen", "works")

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.most_rows = pace.most_rows(LOOP_SECONDS, _MOST_ROWS)
        self.works: list[Work] = []
        self.rows = 0
        self.seen = 0
        self.quiet = 0


class Inline:
    """Runs light calls."""

    def __init__(self) -> None:
        self._groups: dict[tuple[int, str], _Group] = {}

    def takes(self, work: Work) -> bool:
        """Whether a call may run in the loop."""
        pace = work.pace
        return pace is not None and pace.is_light() and pace.expected(work.rows, work.row_size) <= LOOP_SECONDS

    def submit(self, work: Work) -> None:
        """Makes the call, now or within a few turns of the loop."""
        if not work.shares:
            _run([work])
            return
        key = (id(work.model), work.signature.name)
        group = self._groups.get(key)
        if group is not None and group.rows + work.rows > group.most_rows:
            self._run(key, group)
            group = None
        if group is None:
            group = self._groups[key] = _Group(work.pace)  # type: ignore[arg-type] # `takes` has seen to it
            asyncio.get_running_loop().call_soon(self._turn, key, group)
        group.works.append(work)
        group.rows += work.rows
        if group.rows >= group.most_rows:
            self._run(key, group)

    def _turn(self, key: tuple[int, str], group: _Group) -> None:
        count = len(group.works)
        if not count:
            return
        if count > group.seen:
            group.seen, group.quiet = count, 0
            if count > 1 or group.pace.recent > 1:
                asyncio.get_running_loop().call_soon(self._turn, key, group)
                return
        group.quiet += 1
        if group.quiet < (1 if count >= group.pace.recent else _QUIET_TURNS):
            asyncio.get_running_loop().call_soon(self._turn, key, group)
            return
        self._run(key, group)

    def _run(self, key: tuple[int, str], group: _Group) -> None:
        if self._groups.get(key) is group:
            del self._groups[key]
        works, group.works = group.works, []
        group.pace.recent = len(works)
        _run(works)


def _run(works: list[Work]) -> None:
    wanted: list[Work] = []
    for work in works:
        if work.done is not None and work.is_late():
            work.answer(None, late())
        elif work.done is not None:
            wanted.append(work)
    if not wanted:
        return
    found = _timed(wanted)
    for work, outcome in zip(wanted, found, strict=True):
        if isinstance(outcome, BaseException):
            work.answer(None, outcome)
        else:
            work.answer(outcome, None)


def _timed(works: list[Work]) -> list[Outputs | BaseException]:
    """Runs the calls and tells their pace. Asking for the time on the core is a system call, so it is asked where it matters."""
    pace = works[0].pace
    is_suspect = pace is not None and pace.is_suspect
    used = time.thread_time() if is_suspect else 0.0
    begun = time.perf_counter()
    found = outcomes(works)
    seconds = time.perf_counter() - begun
    if pace is not None:
        pace.ran_in_loop(seconds, time.thread_time() - used if is_suspect else None)
    return found
