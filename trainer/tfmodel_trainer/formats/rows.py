"""Rows that formats are checked with and quantized by: from files, from the smoke request, or made up."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tfmodel.wire.dtypes import DataType, numpy_dtype
from tfmodel.wire.tensors import Array
from tfmodel_runtime.codec import tfserving_json
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.engine.warmup import example_feeds
from tfmodel_runtime.errors import RuntimeFault
from tfmodel_trainer.formats.model import FormatError, Row

MOST_SAMPLES = 16
MOST_REPRESENTATIVE = 256
_MADE_UP = 4
_ENDINGS = ".npy, .npz, .csv, .tfrecord"


def generated(signature: Signature) -> list[Row]:
    """Rows of numbers between 0 and 1, the same each time; integers are 0 or 1, texts empty.

    Raises:
        FormatError: an input takes what cannot be made up.
    """
    shapes = example_feeds(signature, 1)
    if shapes is None:
        hint = "give a row in validation.smokeRequest"
        raise FormatError(f"no row can be made up for signature {signature.name}", hint)
    random = np.random.default_rng(7)
    return [{alias: _made_up(value, random) for alias, value in shapes.items()} for _ in range(_MADE_UP)]


def _made_up(zeros: Array, random: np.random.Generator) -> Array:
    if zeros.dtype == object:
        return zeros
    if zeros.dtype.kind in "iub":
        return np.asarray(random.integers(0, 2, zeros.shape), zeros.dtype)
    return np.asarray(random.random(zeros.shape), zeros.dtype)


def of_request(body: Mapping[str, Any] | None, signature: Signature, names: Sequence[str] = ()) -> list[Row]:
    """The rows of a REST predict request; none if it is for another signature. With `names` it sends the numbers of a row by name.

    Raises:
        FormatError: the request does not fit the signature.
    """
    if body is None:
        return []
    asked = _by_name(signature, names) if names else signature
    try:
        request = tfserving_json.read(json.dumps(body).encode())
        if request.signature_name != signature.name:
            return []
        feeds = tfserving_json.feeds(request, asked)
    except RuntimeFault as fault:
        raise FormatError(f"validation.smokeRequest: {fault}", "correct it") from fault
    if names:
        feeds = {next(iter(signature.inputs)): np.stack([feeds[name] for name in names], axis=1)}
    return list(islice(_split(feeds, signature), MOST_REPRESENTATIVE))


def _by_name(signature: Signature, names: Sequence[str]) -> Signature:
    """The signature as clients see it once its features have names."""
    spec = next(iter(signature.inputs.values()))
    return replace(signature, inputs={name: replace(spec, alias=name, shape=(-1,)) for name in sorted(names)})


def _split(feeds: Mapping[str, Array], signature: Signature) -> Iterator[Row]:
    """One row after the other, where every input has a free first dimension; else all at once."""
    specs = [signature.inputs[alias] for alias in feeds]
    if not all(spec.shape and spec.shape[0] < 0 for spec in specs):
        yield feeds
        return
    for index in range(min((len(value) for value in feeds.values()), default=0)):
        yield {alias: value[index : index + 1] for alias, value in feeds.items()}


def of_files(data: Path, signature: Signature, names: Sequence[str] = ()) -> list[Row]:
    """The rows in a file, or in the files of a folder in the order of their names, at most MOST_REPRESENTATIVE.

    `names` are the columns of a table that make up an unnamed row.

    Raises:
        FormatError: there are none, or they do not fit the signature.
    """
    files = sorted(path for path in data.iterdir() if path.suffix in _READERS) if data.is_dir() else [data]
    files = [path for path in files if path.is_file() and path.suffix in _READERS]
    if not files:
        there = ", ".join(sorted(path.name for path in data.iterdir())[:8]) if data.is_dir() else data.name
        raise _unusable(f"it holds {there or 'nothing'}, but no {_ENDINGS} file")
    found = (row for file in files for row in _READERS[file.suffix](file, signature, names))
    return list(islice(found, MOST_REPRESENTATIVE))


def _of_npy(file: Path, signature: Signature, _names: Sequence[str]) -> Iterator[Row]:
    alias, spec = _only_input(file, signature)
    yield from _rows({alias: _fitted(file.name, np.load(file, mmap_mode="r", allow_pickle=False), spec)})


def _of_npz(file: Path, signature: Signature, _names: Sequence[str]) -> Iterator[Row]:
    with np.load(file, allow_pickle=False) as arrays:
        named = {alias: alias for alias in signature.inputs}
        if len(arrays.files) == len(named) == 1:
            named = {next(iter(named)): arrays.files[0]}
        missing = [name for name in named.values() if name not in arrays.files]
        if missing:
            raise _unusable(f"{file.name} has no array {', '.join(missing)}, but {', '.join(arrays.files)}")
        found = {
            alias: _fitted(f"{file.name}[{name}]", arrays[name][:MOST_REPRESENTATIVE], signature.inputs[alias])
            for alias, name in named.items()
        }
    yield from _rows(found)


def _of_csv(file: Path, signature: Signature, names: Sequence[str]) -> Iterator[Row]:
    """A table whose first line names its columns; a column for each input, or for each number of an unnamed row."""
    with file.open(newline="") as text:
        lines = csv.DictReader(text)
        columns = [one.strip() for one in lines.fieldnames or ()]
        lines.fieldnames = columns
        wanted = list(signature.inputs)
        is_row = len(wanted) == 1 and wanted[0] not in columns
        if is_row:
            wanted = list(names) or columns
        missing = [name for name in wanted if name not in columns]
        if missing:
            raise _unusable(
                f"{file.name} has no column {', '.join(missing)}; its first line names {', '.join(columns)}"
            )
        for line in islice(lines, MOST_REPRESENTATIVE):
            values = [line[name] or "" for name in wanted]
            yield (
                _table_row(file, signature, values)
                if is_row
                else {
                    name: _parsed(file, name, [value], signature.inputs[name])
                    for name, value in zip(wanted, values, strict=True)
                }
            )


def _table_row(file: Path, signature: Signature, values: Sequence[str]) -> Row:
    alias, spec = _only_input(file, signature)
    found = _parsed(file, alias, values, spec)[np.newaxis]
    return {alias: _fitted(file.name, found, spec)}


def _parsed(file: Path, name: str, values: Sequence[str], spec: TensorSpec) -> Array:
    if spec.data_type is DataType.STRING:
        return np.array([value.encode() for value in values], object)
    try:
        return np.array([float(value) for value in values]).astype(numpy_dtype(spec.data_type))
    except ValueError as error:
        raise _unusable(f"{file.name}, {name}: expected numbers, got {list(values)[:8]}") from error


def _of_records(file: Path, signature: Signature, _names: Sequence[str]) -> Iterator[Row]:
    """tf.Examples with a feature named after each input."""
    import tensorflow as tf  # noqa: PLC0415 - only this format needs it

    wanted = {alias: _feature(file, spec) for alias, spec in signature.inputs.items()}
    for record in tf.data.TFRecordDataset(str(file)).take(MOST_REPRESENTATIVE):
        try:
            parsed = tf.io.parse_single_example(record, wanted)
        except tf.errors.InvalidArgumentError as error:
            raise _unusable(f"{file.name}: {' '.join(str(error).split())[:200]}") from error
        yield {
            alias: value.numpy()[np.newaxis].astype(numpy_dtype(signature.inputs[alias].data_type))
            for alias, value in parsed.items()
        }


def _feature(file: Path, spec: TensorSpec) -> Any:
    import tensorflow as tf  # noqa: PLC0415 - as above

    kinds = {"f": tf.float32, "i": tf.int64, "u": tf.int64, "b": tf.int64}
    shape = (spec.shape or ())[1:]
    if any(size < 0 for size in shape) or spec.data_type is DataType.STRING:
        raise _unusable(f"{file.name}: input {spec.alias} has a shape or type that a record cannot tell")
    return tf.io.FixedLenFeature(shape, kinds[numpy_dtype(spec.data_type).kind])


_READERS: Mapping[str, Callable[[Path, Signature, Sequence[str]], Iterator[Row]]] = {
    ".npy": _of_npy,
    ".npz": _of_npz,
    ".csv": _of_csv,
    ".tfrecord": _of_records,
}


def _only_input(file: Path, signature: Signature) -> tuple[str, TensorSpec]:
    if len(signature.inputs) != 1:
        raise _unusable(f"{file.name} has no names, and the signature has inputs {', '.join(signature.inputs)}")
    return next(iter(signature.inputs.items()))


def _fitted(name: str, found: Array, spec: TensorSpec) -> Array:
    """The array in the input's type; only floats of another width are cast, as whole numbers are mostly not yet scaled."""
    wanted = numpy_dtype(spec.data_type)
    if found.dtype != wanted and not (found.dtype.kind == wanted.kind == "f"):
        raise _unusable(f"{name} has {found.dtype}, expected {wanted}: rows as clients send them, scaled like theirs")
    shape = (spec.shape or ())[1:]
    if spec.shape is not None and not _has(found.shape[1:], shape):
        raise _unusable(f"{name} has rows of shape {list(found.shape[1:])}, expected {list(shape)}")
    return np.asarray(found[:MOST_REPRESENTATIVE], wanted)


def _has(found: Sequence[int], wanted: Sequence[int]) -> bool:
    return len(found) == len(wanted) and all(two in (-1, one) for one, two in zip(found, wanted, strict=True))


def _rows(arrays: Mapping[str, Array]) -> Iterator[Row]:
    for index in range(min(len(value) for value in arrays.values())):
        yield {alias: value[index : index + 1] for alias, value in arrays.items()}


def _unusable(told: str) -> FormatError:
    return FormatError(
        f"export.tflite.representativeInput: {told}",
        f"give rows as clients send them, in {_ENDINGS} files; see docs/how-to/export-formats.md",
    )
