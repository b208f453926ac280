"""What may wait a few milliseconds, so that it leaves with something else if there is anything: each write is a system call."""

import asyncio
from collections.abc import Callable

_SECONDS = 0.005


class Delayed:
    """Calls back, all at once, those that were added. Nothing is called twice for one `add`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: list[Callable[[], None]] = []

    def add(self, call: Callable[[], None]) -> None:
        """Calls back within a few milliseconds."""
        if not self._calls:
            self._loop.call_later(_SECONDS, self._run)
        self._calls.append(call)

    def _run(self) -> None:
        calls, self._calls = self._calls, []
        for call in calls:
            call()
