"""Requests made from the signatures, run before a version is available, so that the first client does not pay for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfmodel.wire.dtypes import DataType, numpy_dtype
from tfmodel_runtime.engine.samples import shape_of
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.signature import Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import ExecutionError, UnimplementedError

_LARGEST = 2**26
_INVALID_ARGUMENT = 3
_NO_VALUES = {DataType.INVALID, DataType.RESOURCE, DataType.VARIANT}


@dataclass(frozen=True, slots=True)
class Warmup:
    """What came of the generated requests, by signature.

    `broken` signatures fail whatever they are fed, as when a variable is missing. `picky` ones refused the generated values as
    an invalid argument, which zeros and empty strings may well be, as for a parser of tf.Example.
    """

    answered: tuple[str, ...]
    picky: dict[str, str]
    broken: dict[str, str]


def warm_up(model: SavedModel, row_counts: Sequence[int] = (1,)) -> Warmup:
    """Runs generated requests for each signature: one for each number of rows, of zeros or empty strings."""
    answered: list[str] = []
    picky: dict[str, str] = {}
    broken: dict[str, str] = {}
    for name, signature in model.signatures.items():
        asked = [feeds for count in row_counts if (feeds := example_feeds(signature, count)) is not None]
        if not asked:
            continue
        try:
            for feeds in asked:
                model.run(signature, feeds)
            answered.append(name)
        except ExecutionError as error:
            (picky if error.code == _INVALID_ARGUMENT else broken)[name] = str(error)
        except UnimplementedError as error:
            broken[name] = str(error)
    return Warmup(tuple(answered), picky, broken)


def example_feeds(signature: Signature, rows: int = 1) -> dict[str, Array] | None:
    """Rows of zeros or empty strings for each input; None if an input can hold no values, or would be too large."""
    feeds: dict[str, Array] = {}
    for alias, spec in signature.inputs.items():
        shape = shape_of(spec, rows)
        if spec.data_type in _NO_VALUES or int(np.prod(shape, dtype=np.int64)) > _LARGEST:
            return None
        empty = spec.data_type is DataType.STRING
        feeds[alias] = np.full(shape, b"", object) if empty else np.zeros(shape, numpy_dtype(spec.data_type))
    return feeds
