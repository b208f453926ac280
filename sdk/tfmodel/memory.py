"""Gives freed memory back to the system, which glibc keeps otherwise."""

import ctypes
from collections.abc import Callable
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MOST_KEPT_BYTES = 16 * 2**20
_OWN_PAGES_BYTES = 8 * 2**20


def keep_little() -> None:
    """Has the process keep little of what it frees; to be called before it has threads.

    By itself glibc takes the size of what was freed for what comes again, so that after a model of large variables was unloaded each
    thread's heap keeps up to 64 MiB at its end, where `trim` does not reach. A block of 8 MiB goes back when it is freed; smaller ones, such as
    what a call computes, are used again, for pages that come anew would cost each call time (mallopt(3)).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _OWN_PAGES_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT_BYTES)


@cache
def _trim() -> Callable[[int], int]:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except AttributeError:  # another C library than glibc
        return lambda _pad: 0
    return found


def trim() -> None:
    """Gives back what the process has freed."""
    _trim()(0)
