"""Tensors of the Open Inference Protocol as bytes: the binary tensor extension of REST, and gRPC's raw contents.

Little-endian, row-major, without padding. BOOL is a byte of 0 or 1; an element of BYTES is its length in four bytes and then the
element itself. Numbers are not copied: the array lies over the body.
"""

import struct
from dataclasses import dataclass
from math import prod

import numpy as np

from tfmodel.wire.dtypes import DataType, numpy_dtype, of_array
from tfmodel.wire.oip_datatypes import DATATYPES
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class BinaryValues:
    """The bytes of one input."""

    data: bytes | memoryview

    def array(self, data_type: DataType, shape: tuple[int, ...]) -> Array:
        """The elements as an array, which cannot be written to.

        Raises:
            InvalidInputError: the bytes are not as many as the shape needs, or a BOOL is neither 0 nor 1.
        """
        if data_type is DataType.STRING:
            return _texts(memoryview(self.data), prod(shape)).reshape(shape)
        dtype = numpy_dtype(data_type)
        wanted = prod(shape) * dtype.itemsize
        if len(self.data) != wanted:
            named = f"{DATATYPES[data_type]} of shape {list(shape)}"
            raise InvalidInputError(f"expected {wanted} bytes for {named}, got {len(self.data)}")
        if data_type is DataType.BOOL and np.frombuffer(self.data, np.uint8).max(initial=0) > 1:
            raise InvalidInputError("expected bytes of 0 or 1 for BOOL")
        return np.frombuffer(self.data, dtype).reshape(shape)


def _texts(data: memoryview, count: int) -> Array:
    found: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + _LENGTH.size
        end = start + (_LENGTH.unpack_from(data, at)[0] if start <= len(data) else 0)
        if max(start, end) > len(data):
            raise InvalidInputError(f"element {len(found)} of BYTES runs past the end of the data")
        found.append(bytes(data[start:end]))
        at = end
    if len(found) != count:
        raise InvalidInputError(f"expected {count} elements of BYTES, got {len(found)}")
    array = np.empty(count, object)
    array[:] = found
    return array


def write(array: Array) -> bytes:
    """The elements as bytes."""
    if of_array(array) is not DataType.STRING:
        return array.tobytes()
    return b"".join(part for text in array.ravel() for part in (_LENGTH.pack(len(text)), text))
