"""NumPy arrays as TensorProto and back, as a client sends and reads them (tensorflow/core/framework/tensor.proto).

A client sends numbers as `tensor_content`, which costs a copy and no loop; servers answer in the typed fields or in
`tensor_content`, and both are read. What a server must beware of (impossible shapes, too few values) is the runtime's codec's
business.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType, known, numpy_dtype, of_array

Array = np.ndarray[Any, Any]

VALUE_FIELDS: Mapping[DataType, str] = {
    DataType.FLOAT: "float_val",
    DataType.DOUBLE: "double_val",
    DataType.INT32: "int_val",
    DataType.INT16: "int_val",
    DataType.INT8: "int_val",
    DataType.UINT8: "int_val",
    DataType.UINT16: "int_val",
    DataType.STRING: "string_val",
    DataType.COMPLEX64: "scomplex_val",
    DataType.COMPLEX128: "dcomplex_val",
    DataType.INT64: "int64_val",
    DataType.BOOL: "bool_val",
    DataType.HALF: "half_val",
    DataType.BFLOAT16: "half_val",
    DataType.UINT32: "uint32_val",
    DataType.UINT64: "uint64_val",
}
_PARTS = {DataType.COMPLEX64: np.float32, DataType.COMPLEX128: np.float64}
_BITS = {DataType.HALF, DataType.BFLOAT16}


def as_array(value: ArrayLike) -> Array:
    """The value as an array; texts and bytes in lists stay as they are, where NumPy would cut zero bytes off their ends."""
    if isinstance(value, np.ndarray):
        return value
    try:
        array = np.asarray(value)
    except UnicodeDecodeError:  # text beside bytes that are none
        return np.asarray(value, object)
    return np.asarray(value, object) if array.dtype.kind in "SU" else array


def to_proto(array: Array) -> Any:
    """A TensorProto with the array's shape, type and values; texts are sent as UTF-8.

    Raises:
        KeyError: TensorFlow has no type like the array's.
    """
    data_type = of_array(array)
    proto = messages.TensorProto(dtype=int(data_type))
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if data_type is DataType.STRING:
        proto.string_val.extend(value if isinstance(value, bytes) else str(value).encode() for value in array.ravel())
    else:
        proto.tensor_content = np.ascontiguousarray(array).tobytes()
    return proto


def to_array(proto: Any) -> Array:
    """The array in a TensorProto; strings are an object array of bytes. One value stands for all elements, as TensorFlow has it.

    Raises:
        KeyError: values of its type cannot be passed.
        ValueError: its values do not fill its shape.
    """
    data_type = known(proto.dtype)
    dtype = numpy_dtype(data_type)
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.tensor_content:
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    values = _values(getattr(proto, VALUE_FIELDS[data_type]), data_type)
    if len(values) == 1 and math.prod(shape) != 1:
        return np.full(shape, values[0], dtype)
    return values.reshape(shape)


def _values(field: Any, data_type: DataType) -> Array:
    dtype = numpy_dtype(data_type)
    if data_type is DataType.STRING:
        array = np.empty(len(field), object)
        array[:] = list(field)
        return array
    if data_type in _BITS:
        return np.array(field, np.uint16).view(dtype)
    return np.array(field, _PARTS.get(data_type, dtype)).view(dtype)
