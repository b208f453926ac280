"""Requests as one, and its answer as theirs: pure functions on arrays, along the first dimension."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError

Tensors = Mapping[str, Array]
_MOST_PADDED_RANK = 6


class NotSplittableError(Exception):
    """An output does not have a row for each row of the inputs."""


def rows(feeds: Tensors) -> int:
    """How many rows a request has.

    Raises:
        InvalidInputError: an input has no first dimension, or another number of rows.
    """
    counts = set()
    for array in feeds.values():
        if array.ndim == 0:
            raise InvalidInputError("Batching input tensors must have at least one dimension")
        counts.add(len(array))
    if len(counts) != 1:
        raise InvalidInputError("Batching input tensors supplied in a given call must have equal 0th-dimension size")
    return counts.pop()


def row_shapes(feeds: Tensors) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The shapes of a row, by alias: requests with the same can be put together as they are."""
    return tuple((alias, feeds[alias].shape[1:]) for alias in sorted(feeds))


def merge(requests: Sequence[Tensors], total: int) -> dict[str, Array]:
    """The requests as one of `total` rows, filled up with copies of its first row; shorter rows padded with their first value."""
    merged: dict[str, Array] = {}
    for alias in requests[0]:
        arrays = _padded([feeds[alias] for feeds in requests])
        missing = total - sum(map(len, arrays))
        if missing:
            arrays.append(np.repeat(arrays[0][:1], missing, axis=0))
        merged[alias] = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
    return merged


def _padded(arrays: list[Array]) -> list[Array]:
    """Arrays of one row shape: the largest in each dimension, filled at the ends with the array's first value."""
    if len({array.shape[1:] for array in arrays}) == 1:
        return arrays
    ranks = {array.ndim for array in arrays}
    if len(ranks) != 1 or ranks.pop() > _MOST_PADDED_RANK:
        raise InvalidInputError("Tensors with name cannot be padded: their ranks differ, or are above 6")
    shape = np.max([array.shape[1:] for array in arrays], axis=0)
    return [_padded_to(array, tuple(shape)) for array in arrays]


def _padded_to(array: Array, shape: tuple[int, ...]) -> Array:
    widths = [(0, 0), *((0, wanted - found) for wanted, found in zip(shape, array.shape[1:], strict=True))]
    if not array.size:
        return np.zeros((len(array), *shape), array.dtype)
    return np.pad(array, widths, constant_values=array.flat[0])


def check_rows(outputs: Tensors, total: int) -> None:
    """Sees to it that outputs can be split.

    Raises:
        NotSplittableError: an output has no row for each row that was fed.
    """
    for alias, array in outputs.items():
        if array.ndim == 0 or len(array) != total:
            raise NotSplittableError(alias)


def split(outputs: Tensors, counts: Sequence[int], total: int) -> list[dict[str, Array]]:
    """The answer to each request of so many rows, of a run of `total` rows.

    Raises:
        NotSplittableError: an output has no row for each row that was fed.
    """
    check_rows(outputs, total)
    bounds = np.cumsum([0, *counts])
    return [{alias: array[begin:end] for alias, array in outputs.items()} for begin, end in itertools.pairwise(bounds)]


def slices(feeds: Tensors, count: int, most: int) -> list[dict[str, Array]]:
    """A request of `count` rows as requests of at most so many."""
    return [
        {alias: array[begin : begin + most] for alias, array in feeds.items()}
        for begin in range(0, max(1, count), most)
    ]


def joined(answers: Sequence[Tensors]) -> dict[str, Array]:
    """The answers to the slices of a request, as one."""
    if len(answers) == 1:
        return dict(answers[0])
    return {alias: np.concatenate([answer[alias] for answer in answers]) for alias in answers[0]}
