"""Memory that all processes share: one slot each, in which it alone writes and all read; one more for the supervisor.

It is one file in memory, which is there as long as somebody holds it, needs no folder, and costs only the pages that are written. A
slot has a text for each `Area`, in two copies that take turns: a process may be killed at any moment and leaves the last text whole.
The bells are eventfds: whoever writes what others wait for rings them. The locks are the kernel's record locks, which a process
that dies gives back.
"""

import asyncio
import fcntl
import mmap
import os
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import Enum, IntEnum

_NUMBER = struct.Struct("=Q")
_SECONDS = struct.Struct("=d")
_HEAD_BYTES = 32
_BEAT_BYTES = 64
_TRIES = 16
_LOCK_POLL_SECONDS = 0.02


class Area(Enum):
    """What a process tells; the value is the most bytes of a text."""

    STATE = ("state", 4 * 2**20)
    METRICS = ("metrics", 16 * 2**20)
    TFSERVING = ("tfserving", 4 * 2**20)

    @property
    def most_bytes(self) -> int:
        """The most bytes of a text."""
        return self.value[1]


class Lock(IntEnum):
    """What only one process may do at a time."""

    COUNTS = 0
    """Reading or moving the counts of all."""
    LOADING = 1
    """Loading into memory that has a limit."""
    OPTIMIZING = 2


class TooLargeError(Exception):
    """A text does not fit into its area."""


def _offsets() -> tuple[dict[Area, int], int]:
    found, place = {}, _BEAT_BYTES
    for area in Area:
        found[area] = place
        place += _HEAD_BYTES + 2 * area.most_bytes
    return found, -(-place // mmap.PAGESIZE) * mmap.PAGESIZE


_OFFSETS, _SLOT_BYTES = _offsets()


class Board:
    """The memory, the bells and the locks, for so many processes. To be made before the fork."""

    def __init__(self, processes: int) -> None:
        """Raises OSError if the system gives none of them."""
        self.processes = processes
        self.supervisor = processes
        self._file = os.memfd_create("tfmodel-processes")
        size = _SLOT_BYTES * (processes + 1)
        os.ftruncate(self._file, size)
        self._memory = mmap.mmap(self._file, size)
        flags = os.EFD_NONBLOCK | os.EFD_CLOEXEC
        self.news = [os.eventfd(0, flags) for _ in range(processes)]
        """Rung when another process told something."""
        self.wishes = [os.eventfd(0, flags) for _ in range(processes)]
        """Rung when another process wants to know the metrics of this one."""

    def write(self, slot: int, area: Area, text: bytes) -> None:
        """Puts a text in the place of the one before.

        Raises:
            TooLargeError: it is too large, and the one before stands.
        """
        if len(text) > area.most_bytes:
            raise TooLargeError(f"{area.value[0]}: expected {area.most_bytes} bytes at the most, got {len(text)}")
        head = self._head(slot, area)
        turn = self._number(head) + 1
        begin = self._begin(head, area, turn)
        self._memory[begin : begin + len(text)] = text
        _NUMBER.pack_into(self._memory, head + 8 + 8 * (turn % 2), len(text))
        _NUMBER.pack_into(self._memory, head, turn)

    def read(self, slot: int, area: Area) -> bytes:
        """The text that was written last; empty if there is none."""
        head = self._head(slot, area)
        for _ in range(_TRIES):
            turn = self._number(head)
            begin = self._begin(head, area, turn)
            text = self._memory[begin : begin + self._number(head + 8 + 8 * (turn % 2))]
            if self._number(head) - turn < 2:
                return text
        return text

    def turn(self, slot: int, area: Area) -> int:
        """How often the text was written: it grows with each."""
        return self._number(self._head(slot, area))

    def clear(self, slot: int) -> None:
        """Forgets all that a process told, which has ended."""
        for area in Area:
            self.write(slot, area, b"")
        self.beat(slot, 0.0)

    def beat(self, slot: int, seconds: float) -> None:
        """A process is alive at a time of the monotonic clock."""
        _SECONDS.pack_into(self._memory, slot * _SLOT_BYTES, seconds)

    def beaten(self, slot: int) -> float:
        """When a process was last alive; 0 if it has not said so yet."""
        return float(_SECONDS.unpack_from(self._memory, slot * _SLOT_BYTES)[0])

    def others(self, slot: int) -> list[int]:
        """The slots of the other processes."""
        return [one for one in range(self.processes) if one != slot]

    @contextmanager
    def locked(self, lock: Lock) -> Iterator[None]:
        """Holds a lock that is never held for long. Blocks."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, lock)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, lock)

    @asynccontextmanager
    async def turn_of(self, lock: Lock) -> AsyncIterator[None]:
        """Holds a lock that others may hold for long. Of one process only one task may ask for it at a time."""
        while True:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, lock)
                break
            except (BlockingIOError, PermissionError):
                await asyncio.sleep(_LOCK_POLL_SECONDS)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, lock)

    @staticmethod
    def _head(slot: int, area: Area) -> int:
        return slot * _SLOT_BYTES + _OFFSETS[area]

    @staticmethod
    def _begin(head: int, area: Area, turn: int) -> int:
        return head + _HEAD_BYTES + area.most_bytes * (turn % 2)

    def _number(self, place: int) -> int:
        return int(_NUMBER.unpack_from(self._memory, place)[0])


def ring(bells: list[int], slots: list[int]) -> None:
    """Rings the bells of processes."""
    for slot in slots:
        os.eventfd_write(bells[slot], 1)
