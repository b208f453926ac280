"""Freed memory goes back to the system."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

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


HEAPS = """
import ctypes, threading
from tfmodel.memory import keep_little, trim
if KEEPS_LITTLE:
    keep_little()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def work():
    for _ in range(2):
        block = libc.malloc(20 * 2**20)
        ctypes.memset(block, 1, 20 * 2**20)
        libc.free(block)
    trim()

before = int(open("/proc/self/statm").read().split()[1])
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(int(open("/proc/self/statm").read().split()[1]) - before)
"""


@pytest.mark.parametrize(("keeps_little", "is_kept"), [(False, True), (True, False)])
def test_a_large_block_that_a_thread_freed_is_given_back(keeps_little: bool, is_kept: bool) -> None:
    code = HEAPS.replace("KEEPS_LITTLE", str(keeps_little))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert (int(done.stdout) * 4096 > 16 * 2**20) == is_kept
