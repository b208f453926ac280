"""Starts a coroutine at once, and makes a task of it only if it has to wait: most calls never do."""

import asyncio
import sys
from collections.abc import Coroutine, Generator
from typing import Any


class Begun:
    """The rest of a coroutine whose first step was taken: it waits for what that step waits for."""

    __slots__ = ("_coroutine", "_waited_for")

    def __init__(self, coroutine: Coroutine[Any, Any, None], waited_for: Any) -> None:
        self._coroutine = coroutine
        self._waited_for = waited_for

    def __await__(self) -> Generator[Any, Any, None]:
        """Drives the coroutine to its end."""
        waited_for = self._waited_for
        while True:
            failure: BaseException | None = None
            sent = None
            try:
                sent = yield waited_for
            except BaseException as error:  # noqa: BLE001 - cancellation too is the coroutine's to handle
                failure = error
            try:
                waited_for = self._coroutine.send(sent) if failure is None else self._coroutine.throw(failure)
            except StopIteration:
                return


async def _finish(begun: Begun) -> None:
    await begun


def start(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None] | None":
    """Runs a coroutine up to its first wait; the task that goes on with it, None if it is done.

    Before Python 3.12 the coroutine must not ask for the current task until it has waited.
    """
    if sys.version_info >= (3, 12):
        task = asyncio.Task(coroutine, loop=loop, eager_start=True)
        return None if task.done() else task
    try:
        waited_for = coroutine.send(None)
    except StopIteration:
        return None
    return loop.create_task(_finish(Begun(coroutine, waited_for)))
