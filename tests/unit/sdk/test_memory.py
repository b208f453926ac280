"""Freed memory goes back to the system."""

import ctypes
import os
from pathlib import Path

from tfmodel.memory import trim

PIECES, BYTES = 20_000, 4096


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_what_was_freed_is_given_back() -> None:
    """Pieces too small to be mapped on their own, below one that stays: glibc keeps them until it is told otherwise."""
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.free.argtypes = [ctypes.c_void_p]
    pieces = [library.malloc(BYTES) for _ in range(PIECES)]
    for piece in pieces:
        ctypes.memset(piece, 1, BYTES)
    stays = pieces.pop()
    for piece in pieces:
        library.free(piece)
    before = resident_bytes()
    trim()
    assert before - resident_bytes() > PIECES * BYTES // 2
    library.free(stays)
