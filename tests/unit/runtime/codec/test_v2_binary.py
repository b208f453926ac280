"""Tensors as bytes in the Open Inference Protocol."""

import struct

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfmodel.wire.dtypes import DataType, numpy_dtype, of_array
from tfmodel.wire.oip_datatypes import DATATYPES
from tfmodel_runtime.codec.v2_binary import BinaryValues, write
from tfmodel_runtime.errors import InvalidInputError

NUMBERS = [data_type for data_type in DATATYPES if data_type not in (DataType.STRING, DataType.BFLOAT16)]


@given(st.data())
def test_numbers_that_are_written_are_read(data: st.DataObject) -> None:
    data_type = data.draw(st.sampled_from(NUMBERS))
    array = data.draw(hnp.arrays(numpy_dtype(data_type), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
    found = BinaryValues(write(array)).array(data_type, array.shape)
    assert of_array(found) is data_type
    np.testing.assert_array_equal(found, array)


@given(st.lists(st.binary(max_size=5), max_size=5))
def test_strings_that_are_written_are_read(texts: list[bytes]) -> None:
    array = np.array([*texts, None], object)[:-1]
    found = BinaryValues(write(array)).array(DataType.STRING, (1, len(texts)))
    assert found.tolist() == [texts]


def test_bfloat16_is_two_bytes() -> None:
    array = np.array([1.5, -2], ml_dtypes.bfloat16)
    assert write(array) == b"\xc0\x3f\x00\xc0"
    np.testing.assert_array_equal(BinaryValues(write(array)).array(DataType.BFLOAT16, (2,)), array)


def test_the_layout_is_little_endian_and_lengths_come_first() -> None:
    assert write(np.array([258], np.int32)) == b"\x02\x01\x00\x00"
    assert write(np.array([True, False])) == b"\x01\x00"
    assert write(np.array([b"ab", b""], object)) == b"\x02\0\0\0ab\0\0\0\0"


def test_numbers_are_not_copied() -> None:
    body = b"x" + np.array([1, 2], np.float32).tobytes()
    found = BinaryValues(memoryview(body)[1:]).array(DataType.FLOAT, (2,))
    assert found.tolist() == [1, 2]
    assert found.__array_interface__["data"][0] == np.frombuffer(body, np.uint8).__array_interface__["data"][0] + 1


@pytest.mark.parametrize(
    ("data", "data_type", "shape", "told"),
    [
        (b"123", DataType.FLOAT, (1,), "expected 4 bytes for FP32 of shape [1], got 3"),
        (b"", DataType.INT64, (), "expected 8 bytes for INT64 of shape [], got 0"),
        (b"1", DataType.UINT8, (0, 5), "expected 0 bytes"),
        (b"\x02", DataType.BOOL, (1,), "0 or 1 for BOOL"),
        (b"\x01\0\0", DataType.STRING, (1,), "element 0 of BYTES runs past the end"),
        (b"\x02\0\0\0a", DataType.STRING, (1,), "element 0 of BYTES runs past the end"),
        (struct.pack("<I", 2**32 - 1), DataType.STRING, (1,), "runs past the end"),
        (b"\0\0\0\0" * 2, DataType.STRING, (3,), "expected 3 elements of BYTES, got 2"),
        (b"", DataType.STRING, (10**12,), "got 0"),
    ],
)
def test_what_does_not_fit_is_refused(data: bytes, data_type: DataType, shape: tuple[int, ...], told: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        BinaryValues(data).array(data_type, shape)
    assert told in str(refused.value)


@given(st.binary(max_size=40), st.sampled_from(list(DATATYPES)), st.lists(st.integers(0, 4), max_size=3))
def test_any_bytes_are_read_or_refused(data: bytes, data_type: DataType, shape: list[int]) -> None:
    try:
        found = BinaryValues(data).array(data_type, tuple(shape))
    except InvalidInputError:
        return
    assert write(found) == data
