"""Measures each signature once a version is warmed up, and again on its optimised graph: how long a call takes, and who may share one.

Requests may where every row has one size known from the signature, the answer of eight rows together is that of each alone, and a row
costs at most three quarters of what a request alone does. Values are drawn at random, since rows of zeros agree in every model.
"""

import time
from collections.abc import Mapping

import numpy as np

from tfmodel.wire.dtypes import DataType, numpy_dtype
from tfmodel_runtime.engine import pace
from tfmodel_runtime.engine.pace import LOOP_SECONDS, Pace
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.scattered import Scattered
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.engine.warmup import example_feeds
from tfmodel_runtime.errors import RuntimeFault

_ROWS = 8
_PAYS = 0.75
_SAVED_SECONDS = 0.0001
"""What a request costs beside its call, of that what is done once for all who share it."""
_WAITS = 10
_MOST_SECONDS = 0.02
_TOLERANCE = 1e-4
_NUMBERS = frozenset(DataType) - {DataType.INVALID, DataType.STRING, DataType.RESOURCE, DataType.VARIANT}


def measure(model: SavedModel) -> None:
    """Fills in the paces of a model's signatures; of those that do not answer made-up requests nothing is known then."""
    if model.is_unbounded:
        return
    for signature in model.signatures.values():
        feeds = example_feeds(signature)
        if feeds is None:
            continue
        try:
            _measure(model, signature, feeds, model.paces[signature.name])
        except RuntimeFault:
            continue


def _measure(model: SavedModel, signature: Signature, feeds: Mapping[str, Array], found: Pace) -> None:
    seconds = _shortest(model, signature, feeds, 1)
    if seconds < _MOST_SECONDS:
        seconds = min(seconds, _shortest(model, signature, feeds, 4))
    row_seconds, batches = seconds, False
    if seconds < _MOST_SECONDS and _has_rows(signature) and _agree(model, signature):
        together = _shortest(model, signature, _random(signature, _ROWS), 3)
        batches = pays(seconds, together)
        if batches:
            row_seconds = max(0.0, together - seconds) / (_ROWS - 1)
    found.seconds, found.row_seconds, found.row_size, found.batches = seconds, row_seconds, pace.size_of(feeds), batches


def pays(seconds: float, together: float) -> bool:
    """Whether requests should share a call: `together` is the time of eight rows in one, `seconds` that of one row."""
    return together < _PAYS * _ROWS * (seconds + _SAVED_SECONDS)


def _shortest(model: SavedModel, signature: Signature, feeds: Mapping[str, Array], times: int) -> float:
    """The time of the shortest of some calls: that on the core, since others may use it too, unless the call itself waits."""
    shortest = float("inf")
    for _ in range(times):
        begun, used = time.perf_counter(), time.thread_time()
        model.run(signature, feeds)
        used, passed = time.thread_time() - used, time.perf_counter() - begun
        shortest = min(shortest, passed if passed > _WAITS * used + LOOP_SECONDS else used)
    return shortest


def _has_rows(signature: Signature) -> bool:
    specs = (*signature.inputs.values(), *signature.outputs.values())
    return bool(signature.inputs) and all(
        pace.has_fixed_rows(spec.shape) and spec.data_type in _NUMBERS for spec in specs
    )


def _agree(model: SavedModel, signature: Signature) -> bool:
    feeds = _random(signature, _ROWS)
    together = model.run(signature, feeds)
    for row in range(_ROWS):
        alone = model.run(signature, {alias: array[row : row + 1] for alias, array in feeds.items()})
        for alias, array in alone.items():
            if len(together[alias]) != _ROWS or array.shape != (1, *together[alias].shape[1:]):
                return False
            if not _are_close(together[alias][row : row + 1], array):
                return False
    return True


def _are_close(one: Array, other: Array) -> bool:
    """Types that NumPy does not know are compared as float32."""
    known = [array if array.dtype.kind in "biufc" else array.astype(np.float32) for array in (one, other)]
    return np.allclose(known[0], known[1], rtol=_TOLERANCE, atol=_TOLERANCE / 10, equal_nan=True)


def _random(signature: Signature, rows: int) -> dict[str, Array]:
    values = Scattered(7)
    return {alias: _values(values, spec, rows) for alias, spec in signature.inputs.items()}


def _values(values: Scattered, spec: TensorSpec, rows: int) -> Array:
    """Numbers from 0 to 1; whole ones are either."""
    shape = (rows, *(spec.shape or ())[1:])
    dtype = numpy_dtype(spec.data_type)
    drawn = values.whole(2, shape) if dtype.kind in "iub" else values.fractions(shape)
    return drawn.astype(dtype)
