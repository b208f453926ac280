"""Requests that two graphs of a model are compared by: those of its warm-up, and made-up ones of several rows and random values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfmodel.wire.dtypes import DataType, numpy_dtype
from tfmodel_runtime.engine.scattered import Scattered
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.engine.tensors import Array

_MOST_OF_A_SIGNATURE = 8
_MOST_BYTES = 2**26
_NO_VALUES = {DataType.INVALID, DataType.RESOURCE, DataType.VARIANT}
_ROWS = 3
_WORDS = (b"", b"a", b"ab c")


@dataclass(frozen=True, slots=True)
class Sample:
    """A request to a signature."""

    signature: Signature
    feeds: Mapping[str, Array]
    fetches: Sequence[str] | None = None


def keep(kept: list[Sample], sample: Sample) -> None:
    """Keeps a sample, unless enough are kept of its signature."""
    of_signature = sum(one.signature is sample.signature for one in kept)
    size = sum(array.nbytes for one in (*kept, sample) for array in one.feeds.values())
    if of_signature < _MOST_OF_A_SIGNATURE and size <= _MOST_BYTES:
        kept.append(sample)


def drawn(signature: Signature) -> Iterator[Sample]:
    """Samples of random values, the same ones each time: of one row and of several. None for what can hold no values or is too large."""
    values = Scattered(11)
    for rows in (1, _ROWS):
        feeds: dict[str, Array] = {}
        for alias, spec in signature.inputs.items():
            shape = shape_of(spec, rows)
            if spec.data_type in _NO_VALUES or int(np.prod(shape, dtype=np.int64)) * 8 > _MOST_BYTES:
                return
            feeds[alias] = _values(values, spec.data_type, shape)
        yield Sample(signature, feeds)


def shape_of(spec: TensorSpec, rows: int) -> tuple[int, ...]:
    """The signature's shape; where the first dimension is free it has `rows`, where others are they have one."""
    if spec.shape is None:
        return (rows,)
    return tuple((rows if axis == 0 else 1) if size < 0 else size for axis, size in enumerate(spec.shape))


def _values(values: Scattered, data_type: DataType, shape: tuple[int, ...]) -> Array:
    """Numbers from -1 to 1; whole ones 0 or 1, which most models take as an index."""
    if data_type is DataType.STRING:
        return np.array(_WORDS, object)[values.whole(len(_WORDS), shape)]
    dtype = numpy_dtype(data_type)
    if dtype.kind in "iub":
        return values.whole(2, shape).astype(dtype)
    return (2 * values.fractions(shape) - 1).astype(dtype)


def are_equal(found: Mapping[str, Array], wanted: Mapping[str, Array]) -> bool:
    """Whether two answers are the same: numbers with a fraction within the rounding of their type, all else exactly."""
    return found.keys() == wanted.keys() and all(_is_equal(found[alias], wanted[alias]) for alias in wanted)


def _is_equal(found: Array, wanted: Array) -> bool:
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        return False
    if found.dtype.kind in "iubO":
        return bool(np.array_equal(found, wanted))
    wide = np.complex128 if found.dtype.kind == "c" else np.float64
    one, other = found.astype(wide), wanted.astype(wide)
    relative = _RELATIVE.get(found.dtype.itemsize, 1e-4)
    finite = np.abs(other[np.isfinite(other)])
    largest = float(finite.max()) if finite.size else 0.0
    return bool(np.allclose(one, other, rtol=relative, atol=relative * largest / 10, equal_nan=True))


_RELATIVE = {1: 0.25, 2: 2e-2}
"""By the bytes of a type. Sums come out a little otherwise when operations are put together."""
