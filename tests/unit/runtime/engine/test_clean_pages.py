"""Pages of a library that are as on disk are unmapped, and come back when they are needed; no other is touched."""

import ctypes
import mmap
from pathlib import Path

import pytest

from tfmodel_runtime.engine import clean_pages

SMAPS = """\
7fc0-7fd0 r--p 00000000 fe:00 10045698                   /lib/tensorflow/libone.so.2
Size:                  4 kB
Rss:                   4 kB
Anonymous:             0 kB
VmFlags: rd mr mw me sd
7fd0-7fe0 r-xp 00001000 fe:00 10045698                   /lib/tensorflow/libone.so.2
Anonymous:             0 kB
7fe0-7ff0 r--p 00002000 fe:00 10045698                   /lib/tensorflow/libone.so.2
Anonymous:             4 kB
7ff0-8000 rw-p 00003000 fe:00 10045698                   /lib/tensorflow/libone.so.2
Anonymous:             0 kB
9000-a000 r-xp 00000000 fe:00 1                          /lib/tensorflow_io/libtwo.so
Anonymous:             0 kB
b000-c000 rw-p 00000000 00:00 0
Anonymous:             0 kB
d000-e000 r-xp 00000000 fe:00 2                          /lib/my tensorflow/libthree.so
Anonymous:             0 kB
"""


def test_only_what_cannot_be_written_and_was_not_is_let_go() -> None:
    assert list(clean_pages.unwritten(SMAPS, Path("/lib/tensorflow"))) == [(0x7FC0, 0x7FD0), (0x7FD0, 0x7FE0)]
    assert list(clean_pages.unwritten(SMAPS, Path("/lib/my tensorflow"))) == [(0xD000, 0xE000)]


def resident(address: int) -> int:
    """Kilobytes of the mapping at an address that the process has."""
    is_it = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            is_it = line.startswith(f"{address:x}-")
        elif is_it and line.startswith("Rss:"):
            return int(line.split()[1])
    raise AssertionError("no such mapping")


def test_pages_are_unmapped_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "library.so"
    file.write_bytes(b"x" * 64 * mmap.PAGESIZE)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY) as written:
        libc = ctypes.CDLL(None)
        address = ctypes.addressof(ctypes.c_char.from_buffer(written))
        assert sum(written[:: mmap.PAGESIZE]) > 0
        assert libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(len(written)), mmap.PROT_READ) == 0
        assert resident(address) == 64 * mmap.PAGESIZE // 1024
        clean_pages.let_go(tmp_path)
        assert resident(address) == 0
        assert written[: mmap.PAGESIZE] == b"x" * mmap.PAGESIZE


def test_what_was_written_before_it_was_protected_stays(tmp_path: Path) -> None:
    file = tmp_path / "library.so"
    file.write_bytes(b"x" * 4 * mmap.PAGESIZE)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY) as written:
        address = ctypes.addressof(ctypes.c_char.from_buffer(written))
        written[0] = ord("y")
        ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(len(written)), mmap.PROT_READ)
        clean_pages.let_go(tmp_path)
        assert written[:2] == b"yx"


def test_a_system_that_tells_nothing_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clean_pages, "_SMAPS", tmp_path / "none")
    clean_pages.let_go(tmp_path)
