"""Following a file: what is new is used, what is broken is told once."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.security.follow import follow


async def used_of(contents: list[str | Exception], refused: str = "") -> list[str]:
    """What is used when reads give these contents, one after the other, after `old`."""
    used: list[str] = []
    left: Iterator[str | Exception] = iter(contents)
    is_over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read() -> str:
        found = next(left, None)
        if found is None:
            loop.call_soon_threadsafe(is_over.set)
            return used[-1] if used else "old"
        if isinstance(found, Exception):
            raise found
        return found

    def use(content: str) -> None:
        if content == refused:
            raise InvalidInputError(f"{content} is broken")
        used.append(content)

    following = asyncio.create_task(follow("the file", "old", read, use, poll_seconds=0))
    await asyncio.wait((following, asyncio.create_task(is_over.wait())), return_when=asyncio.FIRST_COMPLETED)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return used


async def test_only_what_differs_is_used() -> None:
    assert await used_of(["old", "old", "a", "a", "b", "a"]) == ["a", "b", "a"]


async def test_what_cannot_be_read_or_used_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    gone = OSError("gone")
    assert await used_of(["a", gone, gone, "x", "x", "a", "b", gone], refused="x") == ["a", "b"]
    said = [record.message for record in caplog.records]
    assert [one.rpartition(": ")[2] for one in said] == ["gone", "x is broken", "gone"]
    assert all("what was there before stays" in one for one in said)
