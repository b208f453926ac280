"""NumPy arrays to TensorFlow's tensors and back. Numbers are copied once; strings are copied one by one (TF_TString)."""

import ctypes
from typing import Any

import numpy as np

from tfmodel.wire.dtypes import DataType, numpy_dtype, of_array
from tfmodel_runtime.engine.capi import TSTRING_BYTES, library

Array = np.ndarray[Any, Any]


class InputTensor:
    """A tensor of an array's values. Must be freed by `free`, after the outputs that may share it were read.

    Raises:
        KeyError: TensorFlow has no type like the array's.
        UnicodeEncodeError: a text is none, as one with half a surrogate pair.
    """

    def __init__(self, array: Array) -> None:
        self._library = library()
        self._data_type = of_array(array)
        self._count = array.size
        texts = _encoded(array) if self._data_type is DataType.STRING else None
        dims = (ctypes.c_int64 * array.ndim)(*array.shape)
        size = array.nbytes if texts is None else array.size * TSTRING_BYTES
        self.pointer = self._library.TF_AllocateTensor(int(self._data_type), dims, array.ndim, size)
        self._data = self._library.TF_TensorData(self.pointer)
        if texts is not None:
            self._fill_text(texts)
        elif size:
            contiguous = np.ascontiguousarray(array)
            ctypes.memmove(self._data, contiguous.ctypes.data, size)

    def _fill_text(self, texts: list[bytes]) -> None:
        for number, text in enumerate(texts):
            place = self._data + number * TSTRING_BYTES
            self._library.TF_StringInit(place)
            self._library.TF_StringCopy(place, text, len(text))

    def free(self) -> None:
        """Gives the memory back."""
        if self._data_type is DataType.STRING:
            for number in range(self._count):
                self._library.TF_StringDealloc(self._data + number * TSTRING_BYTES)
        self._library.TF_DeleteTensor(self.pointer)


def _encoded(array: Array) -> list[bytes]:
    return [value if isinstance(value, bytes) else str(value).encode() for value in array.ravel()]


def read(pointer: int) -> Array:
    """The values of a tensor, copied; strings are an object array of bytes.

    Raises:
        KeyError, ValueError: the tensor has a type without values, such as a resource.
    """
    found = library()
    data_type = DataType(found.TF_TensorType(pointer))
    shape = tuple(found.TF_Dim(pointer, number) for number in range(found.TF_NumDims(pointer)))
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
