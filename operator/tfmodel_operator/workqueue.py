"""A queue of keys, in client-go's sense: a key waits once however often it is added, and is worked on by one worker at a time.

A key that is added while it is worked on waits until that is over. A key that failed comes back after a wait that doubles with
each failure; one that asks for it comes back after the time it names; the earlier of two times counts.
"""

import asyncio
import heapq
import random
import time
from collections.abc import Callable

from tfmodel_operator.values import Key

_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_BACKOFF_SECONDS = 60.0


class WorkQueue:
    """Keys that wait to be reconciled."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, str, Key]] = []
        self._busy: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: Key, delay_seconds: float = 0.0) -> None:
        """Has the key worked on, now or after a delay."""
        due = self._clock() + delay_seconds
        if key in self._due and self._due[key] <= due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, str(key), key))
        self._changed.set()

    def add_failed(self, key: Key, *, at_least_seconds: float = 0.0) -> None:
        """Has the key worked on again after a wait that grows with its failures."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        wait = min(_FIRST_BACKOFF_SECONDS * 2**failures, _LONGEST_BACKOFF_SECONDS)
        wait *= random.uniform(0.75, 1.25)  # noqa: S311 - jitter, not a secret
        self.add(key, max(wait, at_least_seconds))

    def forget(self, key: Key) -> None:
        """The key succeeded: its next failure is its first."""
        self._failures.pop(key, None)

    async def take(self) -> Key:
        """The next key that is due; `done` must follow."""
        while True:
            key = self._pop()
            if key is not None:
                self._busy.add(key)
                return key
            self._changed.clear()
            wait = self._next_wait()
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue

    def done(self, key: Key) -> None:
        """The worker is done with the key."""
        self._busy.discard(key)
        self._changed.set()

    def depth(self) -> int:
        """How many keys are due and wait."""
        now = self._clock()
        return sum(1 for due in self._due.values() if due <= now)

    def age_seconds(self) -> float:
        """How long the key that waits longest is overdue."""
        return max((self._clock() - due for due in self._due.values()), default=0.0) if self.depth() else 0.0

    def _pop(self) -> Key | None:
        postponed = []
        found = None
        while self._heap and self._heap[0][0] <= self._clock():
            due, text, key = heapq.heappop(self._heap)
            if self._due.get(key) != due:
                continue
            if key in self._busy:
                postponed.append((due, text, key))
                continue
            del self._due[key]
            found = key
            break
        for entry in postponed:
            heapq.heappush(self._heap, entry)
        return found

    def _next_wait(self) -> float | None:
        if not self._heap:
            return None
        due: float | None
        due, _, first = self._heap[0]
        if first in self._busy:
            due = min((due for due, _, key in self._heap if key not in self._busy), default=None)
        return None if due is None else max(0.0, due - self._clock())
