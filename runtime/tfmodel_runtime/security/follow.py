"""Follows files whose content may change while the server runs, as a mounted Secret's does."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from tfmodel_runtime.errors import InvalidInputError

_log = logging.getLogger(__name__)
_POLL_SECONDS = 1.0
Content = TypeVar("Content")


async def follow(
    what: str,
    used: Content,
    read: Callable[[], Content],
    use: Callable[[Content], None],
    *,
    poll_seconds: float = _POLL_SECONDS,
) -> None:
    """Uses each content that differs from the one that is `used` until cancelled. `read` runs in a thread.

    A content that cannot be read or used is told once, and what was there before stays.
    """
    told = ""
    while True:
        await asyncio.sleep(poll_seconds)
        try:
            found = await asyncio.to_thread(read)
            if found != used:
                use(found)
                _log.info("%s has changed: what is new holds from now on", what)
                used = found
            told = ""
        except (OSError, UnicodeDecodeError, InvalidInputError) as error:
            if str(error) != told:
                _log.error("%s cannot be used, and what was there before stays: %s", what, error)
            told = str(error)
