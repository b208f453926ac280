"""Values for made-up requests: they look random, and are the same each time."""

from math import prod

import numpy as np

from tfmodel_runtime.engine.tensors import Array


class Scattered:
    """Numbers of one sequence: MurmurHash3's finalizer (Austin Appleby, public domain) of the whole numbers from `start` on.

    NumPy's own generators take ten extension modules, and a start that many milliseconds, for what is drawn here once.
    """

    def __init__(self, start: int) -> None:
        self._next = start

    def fractions(self, shape: tuple[int, ...]) -> Array:
        """The next ones: float64 of that shape, from 0 to less than 1."""
        count = prod(shape)
        bits = np.arange(self._next, self._next + count, dtype=np.uint32)
        self._next += count
        bits ^= bits >> 16
        bits *= 0x85EBCA6B
        bits ^= bits >> 13
        bits *= 0xC2B2AE35
        bits ^= bits >> 16
        return (bits * 2.0**-32).reshape(shape)

    def whole(self, end: int, shape: tuple[int, ...]) -> Array:
        """The next ones as whole numbers: int64 of that shape, from 0 to less than `end`."""
        return (self.fractions(shape) * end).astype(np.int64)
