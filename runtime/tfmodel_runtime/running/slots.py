"""Calls that are not light, in threads: as many at the same time as there are slots, the others wait in the event loop.

Where it pays, a slot that becomes free takes all that wait for the same signature, up to what it may do at once.
"""

import asyncio
import contextlib
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from tfmodel_runtime.running.work import Outputs, Work, late, outcomes

_MOST_SECONDS = 0.05
_MOST_ROWS = 64
_FEW_ROWS = 16
_Found = list[Outputs | BaseException]


class Slots:
    """So many slots. `close` ends their threads once they are idle."""

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="predict")
        self.count = count
        self._free = count
        self._rows = 0
        """Rows that wait or run."""
        self._waiting: deque[Work] = deque()

    @property
    def threads(self) -> ThreadPoolExecutor:
        """The threads, for other work that would hold up the loop."""
        return self._threads

    @property
    def are_idle(self) -> bool:
        """Whether nothing runs or waits."""
        return self._free == self.count

    async def run(self, work: Work) -> Outputs:
        """The outputs of a call. Returns only once nothing runs for it any more.

        Raises:
            TimedOutError: its deadline has passed.
            RuntimeFault: it failed.
        """
        outcome: asyncio.Future[Outputs] = asyncio.get_running_loop().create_future()

        def done(outputs: Outputs | None, error: BaseException | None) -> None:
            if outcome.done():
                return
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(outputs or {})

        work.done = done
        self.submit(work)
        try:
            return await asyncio.wait_for(asyncio.shield(outcome), work.left())
        except (TimeoutError, asyncio.CancelledError) as gone:
            if not self._withdraw(work):
                await _end_of(outcome)
            if isinstance(gone, TimeoutError):
                raise late() from gone
            raise

    def submit(self, work: Work) -> None:
        """Makes a call whose `done` is told of it, as soon as a slot is free."""
        self._waiting.append(work)
        self._rows += work.rows
        self._pump()

    def _withdraw(self, work: Work) -> bool:
        """Takes back what waits; False if it runs already."""
        try:
            self._waiting.remove(work)
        except ValueError:
            return False
        self._rows -= work.rows
        return True

    def _pump(self) -> None:
        while self._free and self._waiting:
            works = self._take()
            self._free -= 1
            running = self._threads.submit(_outcomes, works)
            running.add_done_callback(partial(_tell, asyncio.get_running_loop(), self._ended, works))

    def _take(self) -> list[Work]:
        """The call that has waited longest, and those that may share it, but for what other slots should have."""
        first = self._waiting.popleft()
        if not (first.shares and self._waiting and first.pace is not None):
            return [first]
        fair = -(-self._rows // self.count)
        enough = max(_FEW_ROWS, first.pace.enough_rows(_MOST_ROWS))
        room = min(fair, first.pace.most_rows(_MOST_SECONDS, enough)) - first.rows
        works, others = [first], deque[Work]()
        for work in self._waiting:
            is_alike = work.shares and work.model is first.model and work.signature is first.signature
            if is_alike and work.rows <= room:
                works.append(work)
                room -= work.rows
            else:
                others.append(work)
        self._waiting = others
        return works

    def _ended(self, works: list[Work], ended: "Future[_Found]") -> None:
        self._free += 1
        self._rows -= sum(work.rows for work in works)
        error = ended.exception()
        found: _Found = [error] * len(works) if error is not None else ended.result()
        for work, outcome in zip(works, found, strict=True):
            if isinstance(outcome, BaseException):
                work.answer(None, outcome)
            else:
                work.answer(outcome, None)
        self._pump()

    def close(self) -> None:
        """Ends the threads once they are idle."""
        self._threads.shutdown(wait=True)


def _outcomes(works: list[Work]) -> _Found:
    begun = time.perf_counter()
    found = outcomes(works)
    first = works[0]
    if first.pace is not None and not any(isinstance(outcome, BaseException) for outcome in found):
        first.pace.ran_in_thread(sum(work.rows for work in works), first.row_size, time.perf_counter() - begun)
    return found


def _tell(loop: asyncio.AbstractEventLoop, ended: Any, works: list[Work], future: "Future[_Found]") -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(ended, works, future)


async def _end_of(running: "asyncio.Future[Any]") -> None:
    """Waits for a run whose outcome nobody wants any more, however often the waiting is cancelled.

    A thread cannot be interrupted, and the version that it runs must be held for as long as it does.
    """
    while not running.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([running])
    if not running.cancelled():
        running.exception()
