"""TensorProto as arrays and back (contract section 8.1; tensorflow/core/framework/tensor.cc, `Tensor::FromProto`)."""

import math
from typing import Any

import numpy as np

from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType, known, numpy_dtype, of_array
from tfmodel.wire.tensors import VALUE_FIELDS
from tfmodel_runtime.engine.capi import TSTRING_BYTES
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError

_MOST_DIMENSIONS = 64
_MOST_REPEATED_BYTES = 2**28
_BITS_OF_A_LENGTH = 32
_MORE = 0x80
_BITS = {DataType.HALF, DataType.BFLOAT16}
_COMPLEX = {DataType.COMPLEX64: np.float32, DataType.COMPLEX128: np.float64}


def decode(proto: Any, alias: str) -> Array:
    """The array that a TensorProto holds. Fewer values than elements: the last is repeated; none: zeros, empty strings.

    Raises:
        InvalidInputError: it holds none: no such type, an impossible shape, content of another length; or
            values that repeat to more than 256 MiB, which a few bytes could ask for.
    """
    data_type = known(proto.dtype)
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if data_type not in VALUE_FIELDS or len(shape) > _MOST_DIMENSIONS or any(size < 0 for size in shape):
        raise _unreadable(alias)
    try:
        return _elements(proto, data_type, math.prod(shape), alias).reshape(shape)
    except ValueError as error:
        raise _unreadable(alias) from error


def _unreadable(alias: str) -> InvalidInputError:
    return InvalidInputError(f"tensor parsing error: {alias}")


def _elements(proto: Any, data_type: DataType, count: int, alias: str) -> Array:
    is_text = data_type is DataType.STRING
    item_bytes = TSTRING_BYTES if is_text else numpy_dtype(data_type).itemsize
    content = proto.tensor_content
    if content and is_text:
        return _texts_of_content(content, count, alias)
    if content:
        if len(content) != count * item_bytes:
            raise _unreadable(alias)
        return np.frombuffer(content, numpy_dtype(data_type))
    values = _values(proto, data_type)
    if count > len(values) and count * item_bytes > _MOST_REPEATED_BYTES:
        raise _unreadable(alias)
    return _filled(values, count, data_type)


def _texts_of_content(content: bytes, count: int, alias: str) -> Array:
    """Strings as TensorFlow packs them (core/platform/coding.cc, EncodeStringList): their lengths as varints, then the bytes."""
    if count > len(content):
        raise _unreadable(alias)
    sizes, at = [], 0
    for _ in range(count):
        size, at = _varint(content, at, alias)
        sizes.append(size)
    if at + sum(sizes) != len(content):
        raise _unreadable(alias)
    array = np.empty(count, object)
    for number, size in enumerate(sizes):
        array[number] = content[at : at + size]
        at += size
    return array


def _varint(content: bytes, at: int, alias: str) -> tuple[int, int]:
    """A number of at most 32 bits, and where the next thing begins."""
    number = 0
    for shift in range(0, _BITS_OF_A_LENGTH, 7):
        if at >= len(content):
            break
        byte = content[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < _MORE:
            return number, at
    raise _unreadable(alias)


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
