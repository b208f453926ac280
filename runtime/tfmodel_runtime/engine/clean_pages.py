"""Unmaps what only the opening of a library needed: of TensorFlow's some 200 MB of symbols' names, relocations and code.

Such pages stay in the kernel's cache, from which a later access maps them again; but they are no part of the process's memory any
more, and the kernel may use them for something else without looking for who does.
"""

import ctypes
import mmap
from collections.abc import Iterator
from pathlib import Path

_SMAPS = Path("/proc/self/smaps")


def let_go(folder: Path) -> None:
    """Unmaps the pages of files in a folder that are as they are on disk. Where the system does not tell of them nothing happens."""
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    try:
        told = _SMAPS.read_text()
    except OSError:
        return
    for begin, end in unwritten(told, folder):
        madvise(begin, end - begin, mmap.MADV_DONTNEED)


def unwritten(smaps: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Begins and ends of mappings of files in a folder that cannot be written and never were (proc_pid_smaps(5)).

    The loader writes into some before it protects them: such pages, "Anonymous", are found nowhere else.
    """
    mapping: tuple[int, int] | None = None
    for line in smaps.splitlines():
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):
            begin, _, end = name.partition("-")
            is_ours = f" {folder}/" in rest and "w" not in rest.partition(" ")[0]
            mapping = (int(begin, 16), int(end, 16)) if is_ours else None
        elif mapping is not None and name == "Anonymous:" and rest.split()[0] == "0":
            yield mapping
