"""TensorProto as arrays and back (contract section 8.1; tensorflow/core/framework/tensor.cc, `Tensor::FromProto`)."""

import math
from typing import Any

import numpy as np

from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType, known, numpy_dtype, of_array
from tfmodel.wire.tensors import VALUE_FIELDS
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError

_MOST_DIMENSIONS = 254
_MOST_BYTES = 2**31
_BITS = {DataType.HALF, DataType.BFLOAT16}
_COMPLEX = {DataType.COMPLEX64: np.float32, DataType.COMPLEX128: np.float64}


def decode(proto: Any, alias: str) -> Array:
    """The array that a TensorProto holds. Fewer values than elements: the last is repeated; none: zeros, empty strings.

    Raises:
        InvalidInputError: it holds none: no such type, an impossible shape, or content of another length.
    """
    data_type = known(proto.dtype)
    if data_type not in VALUE_FIELDS:
        raise InvalidInputError(f"tensor parsing error: {alias}")
    shape = _shape(proto, data_type, alias)
    count = math.prod(shape)
    if proto.tensor_content and data_type is not DataType.STRING:
        return _from_content(proto.tensor_content, shape, data_type, alias)
    return _filled(_values(proto, data_type), count, data_type).reshape(shape)


def _shape(proto: Any, data_type: DataType, alias: str) -> tuple[int, ...]:
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    item_bytes = numpy_dtype(data_type).itemsize
    possible = len(shape) <= _MOST_DIMENSIONS and all(size >= 0 for size in shape)
    if not possible or math.prod(shape) * item_bytes > _MOST_BYTES:
        raise InvalidInputError(f"tensor parsing error: {alias}")
    return shape


def _from_content(content: bytes, shape: tuple[int, ...], data_type: DataType, alias: str) -> Array:
    dtype = numpy_dtype(data_type)
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise InvalidInputError(f"tensor parsing error: {alias}")
    return np.frombuffer(content, dtype).reshape(shape)


def _values(proto: Any, data_type: DataType) -> Array:
    field = getattr(proto, VALUE_FIELDS[data_type])
    if data_type is DataType.STRING:
        array = np.empty(len(field), object)
        array[:] = list(field)
        return array
    if data_type in _BITS:
        return np.array(field, np.uint32).astype(np.uint16).view(numpy_dtype(data_type))
    if data_type in _COMPLEX:
        return np.array(field, _COMPLEX[data_type])[: len(field) // 2 * 2].view(numpy_dtype(data_type))
    return np.array(field).astype(numpy_dtype(data_type)) if len(field) else np.empty(0, numpy_dtype(data_type))


def _filled(values: Array, count: int, data_type: DataType) -> Array:
    if len(values) == count:
        return values
    if len(values) > count:
        return values[:count]
    empty = b"" if data_type is DataType.STRING else 0
    last = values[-1] if len(values) else empty
    array = np.full(count, last, numpy_dtype(data_type))
    array[: len(values)] = values
    return array


def encode(array: Array) -> Any:
    """A TensorProto with the array's values in the typed field, which clients in every language read."""
    data_type = of_array(array)
    proto = messages.TensorProto(dtype=int(data_type))
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    field = getattr(proto, VALUE_FIELDS[data_type])
    flat = array.ravel()
    if data_type in _BITS:
        field.extend(flat.view(np.uint16).tolist())
    elif data_type in _COMPLEX:
        field.extend(flat.view(_COMPLEX[data_type]).tolist())
    else:
        field.extend(flat.tolist())
    return proto


def encode_content(array: Array) -> Any:
    """A TensorProto with the array's values as `tensor_content`; strings have no such form and stay in their field."""
    data_type = of_array(array)
    if data_type is DataType.STRING:
        return encode(array)
    proto = messages.TensorProto(dtype=int(data_type), tensor_content=np.ascontiguousarray(array).tobytes())
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    return proto
