"""Threads for the user's code, which may hang: one that does is given up, and the process ends without waiting for it.

ThreadPoolExecutor will not do: Python joins its threads before it exits, so that one that hangs would outlast SIGTERM.
"""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import PriorityQueue
from typing import Any, TypeVar

Result = TypeVar("Result")
_Work = tuple["Future[Any]", Callable[[], Any]]
_Works = PriorityQueue[tuple[int, int, _Work | None]]
_FIRST, _NEXT, _LAST = range(3)


class Threads:
    """So many threads. `lost` of them run what was given up. `tell` hears of each that is lost (1) or found again (-1)."""

    def __init__(self, count: int, tell: Callable[[int], None] = lambda _change: None) -> None:
        self.count = count
        self.lost = 0
        self._tell = tell
        self._numbers = itertools.count()
        self._works: _Works = PriorityQueue()
        for number in range(count):
            threading.Thread(target=_run, args=(self._works,), name=f"handler-{number}", daemon=True).start()

    async def run(self, work: Callable[[], Result], seconds: float, *, is_begun: bool = False) -> Result:
        """The result of work. `is_begun` puts it before work that is not: what was begun should end.

        Raises:
            TimeoutError: it took longer.
        """
        future: Future[Result] = Future()
        self._works.put((_FIRST if is_begun else _NEXT, next(self._numbers), (future, work)))
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), seconds)
        except TimeoutError:
            if not future.cancel():
                self._lose(future)
            raise

    def _lose(self, future: "Future[Any]") -> None:
        loop = asyncio.get_running_loop()
        self._count(1)

        def found(_done: "Future[Any]") -> None:
            with contextlib.suppress(RuntimeError):  # the server has stopped meanwhile
                loop.call_soon_threadsafe(self._count, -1)

        future.add_done_callback(found)

    def _count(self, change: int) -> None:
        self.lost += change
        self._tell(change)

    def close(self) -> None:
        """Lets each thread end after the work that is there, and waits for none."""
        for _ in range(self.count):
            self._works.put((_LAST, next(self._numbers), None))


def _run(works: _Works) -> None:
    while (given := works.get()[2]) is not None:
        future, work = given
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - whatever it is, who waits is told, and the thread goes on
                future.set_exception(error)
        del given, future, work  # an upload is not kept until the next one comes
