"""NumPy arrays to TensorFlow's tensors and back. Numbers are copied once; strings are copied one by one (TF_TString)."""

import ctypes
from typing import Any

import numpy as np

from tfmodel.wire.dtypes import DataType, numpy_dtype, of_array
from tfmodel_runtime.engine.capi import TSTRING_BYTES, library

Array = np.ndarray[Any, Any]


_DIMENSIONS = tuple(ctypes.c_int64 * rank for rank in range(9))
_SMALL_BYTES = 2**15


def make(array: Array) -> int:
    """A TF_Tensor of an array's values. It is given back by `free`, after the outputs that may share its memory were read.

    The values are copied: an op may keep a tensor that it was fed (a variable that is assigned, a queue), and what an array's
    memory holds by then nobody knows. A copy costs 0.1 us for 3 KB, and no model is fed gigabytes in a microsecond.

    Raises:
        KeyError: TensorFlow has no type like the array's.
        UnicodeEncodeError: a text is none, as one with half a surrogate pair.
    """
    found = library()
    data_type = of_array(array)
    shape = array.shape
    rank = len(shape)
    dims = (_DIMENSIONS[rank] if rank < len(_DIMENSIONS) else ctypes.c_int64 * rank)(*shape)
    if data_type is DataType.STRING:
        texts = _encoded(array)
        pointer: int = found.TF_AllocateTensor(data_type, dims, rank, array.size * TSTRING_BYTES)
        _fill_text(found.TF_TensorData(pointer), texts)
        return pointer
    size = array.nbytes
    pointer = found.TF_AllocateTensor(data_type, dims, rank, size)
    if size < _SMALL_BYTES:
        ctypes.memmove(found.TF_TensorData(pointer), array.tobytes(), size)
    else:
        contiguous = np.ascontiguousarray(array)
        ctypes.memmove(found.TF_TensorData(pointer), contiguous.ctypes.data, size)
    return pointer


def _fill_text(data: int, texts: list[bytes]) -> None:
    found = library()
    for number, text in enumerate(texts):
        place = data + number * TSTRING_BYTES
        found.TF_StringInit(place)
        found.TF_StringCopy(place, text, len(text))


def free(pointer: int, array: Array) -> None:
    """Gives the memory of a tensor back that was made of that array."""
    found = library()
    if array.dtype.kind in "OSU":
        data = found.TF_TensorData(pointer)
        for number in range(array.size):
            found.TF_StringDealloc(data + number * TSTRING_BYTES)
    found.TF_DeleteTensor(pointer)


def _encoded(array: Array) -> list[bytes]:
    return [value if isinstance(value, bytes) else str(value).encode() for value in array.ravel()]


def read(pointer: int) -> Array:
    """The values of a tensor, copied; strings are an object array of bytes.

    Raises:
        KeyError, ValueError: the tensor has a type without values, such as a resource.
    """
    found = library()
    data_type = DataType(found.TF_TensorType(pointer))
    shape = tuple([found.TF_Dim(pointer, number) for number in range(found.TF_NumDims(pointer))])
    size = found.TF_TensorByteSize(pointer)
    data = found.TF_TensorData(pointer)
    if data_type is DataType.STRING:
        return _read_text(data, shape)
    dtype = numpy_dtype(data_type)
    if not size:
        return np.empty(shape, dtype)
    copied = ctypes.string_at(data, size)
    return np.frombuffer(copied, dtype).reshape(shape)


def _read_text(data: int, shape: tuple[int, ...]) -> Array:
    found = library()
    array = np.empty(shape, object)
    flat = array.reshape(-1)
    for number in range(flat.size):
        place = data + number * TSTRING_BYTES
        flat[number] = ctypes.string_at(found.TF_StringGetDataPointer(place), found.TF_StringGetSize(place))
    return array if array.ndim else _scalar(flat[0])


def _scalar(text: bytes) -> Array:
    array = np.empty((), object)
    array[()] = text
    return array
