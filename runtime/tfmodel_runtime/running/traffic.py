"""Requests that are being answered, and whether the event loop polls for the next one instead of going to sleep.

A loop that sleeps is woken late, and its core has lost its caches: of a request that comes alone that is the larger part. So where a
few clients ask again as soon as they are answered, the loop looks for their next requests for a moment before it sleeps, as a network
card's driver does under `net.core.busy_poll`. Traffic that comes more seldom is never polled for.
"""

import asyncio
import os
import time

_POLL_SECONDS = 0.0003
"""How long it looks: a client that is as cold as this process takes about 0.1 ms to ask again, one with a large body 0.2 ms."""
_MOST_CLIENTS = 32
"""With more, some request is there at nearly any time, and requests that are found one by one share less."""
_WEIGHT = 1 / 8
_LIKELY = 0.5


class Traffic:
    """Counts requests. `count` are being answered. Only for the thread of the event loop.

    With `polls` false the loop is left to sleep: there is no core to spare.
    """

    __slots__ = ("_idle_since", "_is_polling", "_likely", "_most", "_polls", "_until", "count")

    def __init__(self, *, polls: bool) -> None:
        self.count = 0
        self._polls = polls
        self._most = 0
        """The most that were there at once since nobody was."""
        self._likely = 0.0
        """How often, lately, a request came while polling would have found it."""
        self._idle_since: float | None = None
        self._until = 0.0
        """When polling ends; in the past if there is none."""
        self._is_polling = False

    def entered(self) -> None:
        """A request came."""
        self.count += 1
        since, self._idle_since = self._idle_since, None
        if since is not None:
            came_at_once = time.perf_counter() - since < _POLL_SECONDS
            self._likely += _WEIGHT * (came_at_once - self._likely)
            self._until = 0.0

    def left(self, count: int = 1) -> None:
        """So many were answered."""
        self._most = max(self._most, self.count)
        self.count -= count
        if self.count or not self._polls:
            return
        most, self._most = self._most, 0
        self._idle_since = now = time.perf_counter()
        if most > _MOST_CLIENTS or self._likely < _LIKELY:
            return
        self._until = now + _POLL_SECONDS
        if not self._is_polling:
            self._is_polling = True
            asyncio.get_running_loop().call_soon(self._poll)

    def _poll(self) -> None:
        """Keeps the loop awake, in which each turn reads what has come. Whoever else wants the core gets it."""
        if time.perf_counter() >= self._until:
            self._is_polling = False
            return
        os.sched_yield()
        asyncio.get_running_loop().call_soon(self._poll)
