"""The memory that processes share."""

import subprocess
import sys
import textwrap

import pytest

from tfmodel_runtime.processes.board import Area, Board, TooLargeError


def test_each_reads_what_the_others_wrote_last() -> None:
    board = Board(2)
    assert board.read(0, Area.STATE) == b""
    for text in (b"long text", b"short", b""):
        board.write(0, Area.STATE, text)
        assert board.read(0, Area.STATE) == text
    board.write(1, Area.METRICS, b"other")
    assert (board.read(0, Area.METRICS), board.read(1, Area.METRICS)) == (b"", b"other")
    assert board.turn(0, Area.STATE) == 3


def test_what_does_not_fit_leaves_what_was_there() -> None:
    board = Board(1)
    board.write(0, Area.STATE, b"before")
    with pytest.raises(TooLargeError, match="state: expected"):
        board.write(0, Area.STATE, b"x" * (Area.STATE.most_bytes + 1))
    assert board.read(0, Area.STATE) == b"before"
    board.write(0, Area.STATE, b"x" * Area.STATE.most_bytes)
    assert board.read(0, Area.METRICS) == b""


def test_clearing_forgets_one_process() -> None:
    board = Board(2)
    for slot in (0, 1):
        board.write(slot, Area.STATE, b"told")
        board.beat(slot, 5.0)
    board.clear(0)
    assert (board.read(0, Area.STATE), board.beaten(0)) == (b"", 0.0)
    assert (board.read(1, Area.STATE), board.beaten(1)) == (b"told", 5.0)


def in_a_fork(text: str) -> subprocess.CompletedProcess[str]:
    """Runs code with a `board` of two in a process of its own, which may fork: this one may have threads."""
    head = "import asyncio, os, signal, sys, time\nfrom tfmodel_runtime.processes.board import Area, Board, Lock\nboard = Board(2)\n"
    code = head + textwrap.dedent(text)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_a_text_is_whole_whenever_its_writer_is_killed() -> None:
    done = in_a_fork(
        """
        for _ in range(30):
            pid = os.fork()
            if pid == 0:
                number = 0
                while True:
                    number += 1
                    board.write(0, Area.METRICS, bytes([number % 256]) * 200_000)
            time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            text = board.read(0, Area.METRICS)
            assert len(set(text)) <= 1 and len(text) in (0, 200_000), (len(text), set(text))
        """
    )
    assert done.returncode == 0, done.stderr


def test_a_lock_is_given_back_by_a_process_that_dies() -> None:
    done = in_a_fork(
        """
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            with board.locked(Lock.LOADING):
                os.write(writer, b"x")
                time.sleep(60)
        os.read(reader, 1)

        async def take():
            async with board.turn_of(Lock.LOADING):
                return "taken"

        async def main():
            waiting = asyncio.create_task(take())
            done, _ = await asyncio.wait({waiting}, timeout=0.3)
            assert not done, "two held the lock"
            async with board.turn_of(Lock.OPTIMIZING):
                pass
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            assert await asyncio.wait_for(waiting, 10) == "taken"

        asyncio.run(main())
        """
    )
    assert done.returncode == 0, done.stderr
