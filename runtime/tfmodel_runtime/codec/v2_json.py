"""Elements of the Open Inference Protocol's tensors in JSON: flat or nested, in row-major order.

Elements must be of the JSON type that the datatype has: true and false for BOOL, whole numbers in range for the integers, any
number for FP32 and FP64 (beyond FP32's range it becomes infinite, as everywhere in floating point), strings for BYTES.
"""

from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any, NoReturn

import numpy as np

from tfmodel.wire.dtypes import DataType, numpy_dtype, of_array
from tfmodel.wire.oip_datatypes import DATATYPES
from tfmodel_runtime.codec.json_text import excerpt
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError

WITHOUT_JSON = frozenset({DataType.HALF, DataType.BFLOAT16})
_ELEMENTS: dict[DataType, frozenset[type]] = {
    DataType.BOOL: frozenset({bool}),
    DataType.STRING: frozenset({str}),
    DataType.FLOAT: frozenset({int, float}),
    DataType.DOUBLE: frozenset({int, float}),
}
_INTEGER = frozenset({int})


@dataclass(frozen=True, slots=True)
class JsonValues:
    """The value of `data` in a request."""

    data: Any

    def array(self, data_type: DataType, shape: tuple[int, ...]) -> Array:
        """The elements as an array.

        Raises:
            InvalidInputError: they are of another type, out of range, or not laid out as the shape says.
        """
        if data_type in WITHOUT_JSON:
            raise InvalidInputError(f"{DATATYPES[data_type]} has no form in JSON: send it as binary data")
        elements = _flat(self.data, shape)
        _check_types(elements, data_type)
        return _of(elements, data_type).reshape(shape)


def _flat(data: Any, shape: tuple[int, ...]) -> list[Any]:
    """The elements in row-major order."""
    if not isinstance(data, list):
        if shape:
            _refuse_layout(data, shape)
        return [data]
    if data and isinstance(data[0], list):
        return _unnested(data, shape)
    if len(data) != prod(shape):
        raise InvalidInputError(f"expected {prod(shape)} elements for shape {list(shape)}, got {len(data)}")
    return data


def _unnested(data: list[Any], shape: tuple[int, ...]) -> list[Any]:
    level: list[Any] = [data]
    for size in shape:
        if any(not isinstance(part, list) or len(part) != size for part in level):
            _refuse_layout(data, shape)
        level = list(chain.from_iterable(level))
    return level


def _refuse_layout(data: Any, shape: tuple[int, ...]) -> NoReturn:
    raise InvalidInputError(f"expected data flat or nested as shape {list(shape)} says, got {excerpt(data)}")


def _check_types(elements: list[Any], data_type: DataType) -> None:
    wanted = _ELEMENTS.get(data_type, _INTEGER)
    wrong = set(map(type, elements)) - wanted
    if wrong:
        first = next(element for element in elements if type(element) in wrong)
        raise InvalidInputError(f"expected {DATATYPES[data_type]} elements, got {excerpt(first)}")


def _of(elements: list[Any], data_type: DataType) -> Array:
    if data_type is DataType.STRING:
        array = np.empty(len(elements), object)
        array[:] = [text.encode() for text in elements]
        return array
    try:
        with np.errstate(over="ignore"):
            return np.array(elements, numpy_dtype(data_type))
    except OverflowError as error:
        raise InvalidInputError(f"an element is out of the range of {DATATYPES[data_type]}") from error


def write(array: Array, alias: str) -> Any:
    """The elements in row-major order as orjson takes them, which writes what is not finite as null.

    Raises:
        InvalidInputError: a string is not UTF-8, so that it has no form in JSON.
    """
    flat = array.ravel()
    if of_array(array) is not DataType.STRING:
        return flat
    try:
        return [text.decode() for text in flat]
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"output {alias}: a string is not UTF-8: ask for it with binary_data") from error
