"""Gives freed memory back to the system, which glibc keeps otherwise."""

import ctypes
from collections.abc import Callable
from functools import cache


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
