"""Requests that come together, until their call is made: without a timer, within a few turns of the event loop.

Whoever comes first lets the loop turn, in which it reads what other clients have sent; as soon as nobody has come for three turns,
or one if as many are there as shared the last call, the call is made. A lone client waits for one turn.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from tfmodel_runtime.engine.pace import LOOP_SECONDS, Pace

Item = TypeVar("Item")
Found = TypeVar("Found")
_QUIET_TURNS = 3
_MOST_ROWS = 128


class Gathering(Generic[Item]):
    """Those that will share the next call of one signature. `run` gets them, once, in the order in which they came."""

    __slots__ = ("_items", "_most_rows", "_pace", "_quiet", "_rows", "_run", "_seen")

    def __init__(self, pace: Pace, run: Callable[[list[Item]], None]) -> None:
        self._pace = pace
        self._run = run
        self._most_rows = pace.most_rows(LOOP_SECONDS, _MOST_ROWS)
        self._items: list[Item] = []
        self._rows = 0
        self._seen = 0
        self._quiet = 0
        asyncio.get_running_loop().call_soon(self._turn)

    def has_room(self, rows: int) -> bool:
        """Whether so many rows more may come."""
        return self._rows + rows <= self._most_rows

    def add(self, item: Item, rows: int) -> None:
        """One more; if it is the last that has room, the call is made now."""
        self._items.append(item)
        self._rows += rows
        if self._rows >= self._most_rows:
            self.close()

    def close(self) -> None:
        """Makes the call now."""
        items, self._items = self._items, []
        if items:
            self._pace.recent = len(items)
            self._run(items)

    def _turn(self) -> None:
        count = len(self._items)
        if not count:
            return
        if count > self._seen:
            self._seen, self._quiet = count, 0
            if count > 1 or self._pace.recent > 1:
                asyncio.get_running_loop().call_soon(self._turn)
                return
        self._quiet += 1
        if self._quiet < (1 if count >= self._pace.recent else _QUIET_TURNS):
            asyncio.get_running_loop().call_soon(self._turn)
            return
        self.close()


def timed(pace: Pace | None, run: Callable[[], Found]) -> Found:
    """Runs a call and tells its pace. Asking for the time on the core is a system call, so it is asked where it matters."""
    is_suspect = pace is not None and pace.is_suspect
    used = time.thread_time() if is_suspect else 0.0
    begun = time.perf_counter()
    found = run()
    if pace is not None:
        pace.ran_in_loop(time.perf_counter() - begun, time.thread_time() - used if is_suspect else None)
    return found
