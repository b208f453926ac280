"""Values of JSON as arrays of the signature's type, which is never guessed from the JSON (contract section 3.3 to 3.5)."""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tfmodel.wire.dtypes import DataType, name, numpy_dtype
from tfmodel_runtime.codec.json_text import excerpt, type_name
from tfmodel_runtime.engine.signature import TensorSpec
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError, UnimplementedError

_INT32 = (-(2**31), 2**31 - 1)
RANGES = {
    DataType.INT8: _INT32,
    DataType.INT16: _INT32,
    DataType.INT32: _INT32,
    DataType.UINT8: _INT32,
    DataType.INT64: (-(2**63), 2**63 - 1),
    DataType.UINT32: (0, 2**32 - 1),
    DataType.UINT64: (0, 2**64 - 1),
}
_MOST_DIMENSIONS = 64
_NO_VALUES = {DataType.INVALID, DataType.RESOURCE, DataType.VARIANT}
FLOATS = {DataType.FLOAT, DataType.DOUBLE}


def array_of(value: Any, spec: TensorSpec) -> Array:
    """The value as an array of the input's type. The shape is the value's own: only the model decides whether it fits.

    Raises:
        InvalidInputError: an element has another type, or the lists are ragged.
        UnimplementedError: the type has no form in JSON.
    """
    if spec.data_type in _NO_VALUES:
        raise UnimplementedError(f"input {spec.alias} has a type without values: {name(spec.data_type)}")
    fast = _fast(value, spec.data_type)
    if fast is not None:
        return fast
    shape = _shape(value)
    if len(shape) > _MOST_DIMENSIONS:
        raise InvalidInputError(f"expected at most {_MOST_DIMENSIONS} levels of lists, got {len(shape)}")
    converter = _converter(spec.data_type)
    elements = [converter(element) for element in _elements(value, shape, 0)]
    if spec.data_type is not DataType.STRING:
        with np.errstate(over="ignore"):
            return np.array(elements, _wide(spec.data_type)).astype(numpy_dtype(spec.data_type)).reshape(shape)
    array = np.empty(len(elements), object)
    array[:] = elements
    return array.reshape(shape)


def _fast(value: Any, data_type: DataType) -> Array | None:
    """Plain nested lists of numbers in one step; None leaves every other case to the careful way."""
    if data_type not in FLOATS and data_type not in RANGES:
        return None
    try:
        found = np.array(value)
    except (ValueError, OverflowError):
        return None
    if data_type in FLOATS and found.dtype.kind in "if":
        return None if _holds_bool(value) else to_type(found, data_type)
    if found.dtype.kind == "i" and found.size and not _holds_bool(value):
        low, high = RANGES.get(data_type, (1, 0))
        fits = low <= int(found.min()) and int(found.max()) <= high
        return found.astype(numpy_dtype(data_type)) if fits else None
    return None


def to_type(found: Array, data_type: DataType) -> Array:
    """Numbers as those of a type; what is beyond the largest float is infinite."""
    with np.errstate(over="ignore"):
        return found.astype(numpy_dtype(data_type))


def _holds_bool(value: Any) -> bool:
    """Whether a bool hides among the numbers, which NumPy would take for one."""
    if isinstance(value, list):
        return (
            any(_holds_bool(part) for part in value)
            if value and isinstance(value[0], list)
            else bool in map(type, value)
        )
    return isinstance(value, bool)


def _wide(data_type: DataType) -> Any:
    return np.dtype(np.int64) if data_type in RANGES and RANGES[data_type] == _INT32 else numpy_dtype(data_type)


def _shape(value: Any) -> tuple[int, ...]:
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _elements(value: Any, shape: tuple[int, ...], level: int) -> Iterator[Any]:
    if level == len(shape):
        if isinstance(value, list):
            raise InvalidInputError(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
        yield value
        return
    if not isinstance(value, list):
        raise InvalidInputError(
            f"JSON Value: {excerpt(value)} found at incorrect level: {level + 1} in the JSON DOM. "
            f"Expected at level: {len(shape)}"
        )
    if len(value) != shape[level]:
        raise InvalidInputError(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for part in value:
        yield from _elements(part, shape, level + 1)


def _converter(data_type: DataType) -> Callable[[Any], Any]:
    if data_type in FLOATS:
        return lambda value: _number(value, data_type)
    if data_type in RANGES:
        return lambda value: _integer(value, data_type)
    if data_type is DataType.BOOL:
        return _bool
    if data_type is DataType.STRING:
        return _bytes
    return lambda value: _unimplemented(value, data_type)


def _unimplemented(value: Any, data_type: DataType) -> Any:
    raise UnimplementedError(f"Conversion of JSON Value: {excerpt(value)} to type: {name(data_type)}")


def _wrong_type(value: Any, data_type: DataType) -> InvalidInputError:
    return InvalidInputError(
        f"JSON Value: {excerpt(value)} Type: {type_name(value)} is not of expected type: {name(data_type)}"
    )


def _number(value: Any, data_type: DataType) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(value, data_type)
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidInputError("JSON Value: a number is too big to be stored in double") from error


def _integer(value: Any, data_type: DataType) -> int:
    low, high = RANGES[data_type]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _wrong_type(value, data_type)
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong_type(value, DataType.BOOL)
    return value


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return as_bytes(value)
    if isinstance(value, dict):
        return decoded_base64(value)
    raise _wrong_type(value, DataType.STRING)


def as_bytes(text: str) -> bytes:
    """A string of JSON as the bytes that were sent.

    Raises:
        InvalidInputError: it holds the upper half of a surrogate pair alone.
    """
    try:
        return text.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidInputError("JSON Parse error: The surrogate pair in string is invalid.") from error


def decoded_base64(value: Any) -> bytes:
    """The bytes of {"b64": "..."}; padding may be left out, but must be right if it is there (absl::Base64Unescape).

    Raises:
        InvalidInputError: it is another object, or no base64.
    """
    if not is_base64(value):
        raise InvalidInputError(f"JSON Value: {excerpt(value)} not formatted correctly for base64 data")
    text = value["b64"]
    padded = text if "=" in text else text + "=" * (-len(text) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError("Unable to base64 decode") from error


def is_base64(value: Any) -> bool:
    """Whether a value is {"b64": "..."}: one string element."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)
