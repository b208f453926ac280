"""TensorFlow's data types: their numbers on the wire, their names as TensorFlow Serving prints them, their NumPy types.

Numbers are those of tensorflow/core/framework/types.proto.
"""

from enum import IntEnum
from typing import Any

import ml_dtypes
import numpy as np


class DataType(IntEnum):
    """A data type by its number in types.proto."""

    INVALID = 0
    FLOAT = 1
    DOUBLE = 2
    INT32 = 3
    UINT8 = 4
    INT16 = 5
    INT8 = 6
    STRING = 7
    COMPLEX64 = 8
    INT64 = 9
    BOOL = 10
    BFLOAT16 = 14
    UINT16 = 17
    COMPLEX128 = 18
    HALF = 19
    RESOURCE = 20
    VARIANT = 21
    UINT32 = 22
    UINT64 = 23

    __hash__ = int.__hash__  # an enumeration's own is a function of Python, and types are looked up for every tensor


_NUMPY: dict[DataType, np.dtype[Any]] = {
    DataType.FLOAT: np.dtype(np.float32),
    DataType.DOUBLE: np.dtype(np.float64),
    DataType.INT32: np.dtype(np.int32),
    DataType.UINT8: np.dtype(np.uint8),
    DataType.INT16: np.dtype(np.int16),
    DataType.INT8: np.dtype(np.int8),
    DataType.STRING: np.dtype(object),
    DataType.COMPLEX64: np.dtype(np.complex64),
    DataType.INT64: np.dtype(np.int64),
    DataType.BOOL: np.dtype(np.bool_),
    DataType.BFLOAT16: np.dtype(ml_dtypes.bfloat16),
    DataType.UINT16: np.dtype(np.uint16),
    DataType.COMPLEX128: np.dtype(np.complex128),
    DataType.HALF: np.dtype(np.float16),
    DataType.UINT32: np.dtype(np.uint32),
    DataType.UINT64: np.dtype(np.uint64),
}
_BY_NUMBER = {int(data_type): data_type for data_type in DataType}
_BY_NUMPY = {dtype: data_type for data_type, dtype in _NUMPY.items()}


def known(number: int) -> DataType:
    """The data type of a number; INVALID for one that has no values here."""
    return _BY_NUMBER.get(number, DataType.INVALID)


def numpy_dtype(data_type: DataType) -> np.dtype[Any]:
    """NumPy's type; strings are objects (bytes).

    Raises:
        KeyError: values of that type cannot be passed.
    """
    return _NUMPY[data_type]


def of_array(array: np.ndarray[Any, Any]) -> DataType:
    """The data type of an array.

    Raises:
        KeyError: TensorFlow has no such type.
    """
    return DataType.STRING if array.dtype.kind in "OSU" else _BY_NUMPY[array.dtype]


def name(data_type: DataType) -> str:
    """The name as TensorFlow Serving prints it: float, int64, string."""
    return data_type.name.lower()
