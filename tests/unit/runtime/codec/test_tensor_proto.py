"""TensorProto: section 8.1 of the contract."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.codec.tensor_proto import decode, encode
from tfmodel_runtime.errors import InvalidInputError

TYPES = [
    np.float32,
    np.float64,
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.bool_,
]


def proto(shape: list[int], data_type: DataType = DataType.FLOAT, **values: object) -> object:
    made = messages.TensorProto(dtype=int(data_type), **values)
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return made


@given(st.data())
def test_what_is_encoded_is_decoded(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from([*TYPES, np.float16]))
    array = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, max_side=3)))
    found = decode(encode(array), "x")
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_values_are_in_the_typed_field() -> None:
    made = encode(np.array([1.5], np.float32))
    assert list(made.float_val) == [1.5]
    assert made.tensor_content == b""


def test_strings() -> None:
    found = decode(proto([3], DataType.STRING, string_val=[b"a", b"b"]), "x")
    assert found.tolist() == [b"a", b"b", b"b"]


def test_a_short_list_repeats_its_last_value_and_none_is_zeros() -> None:
    assert decode(proto([4], float_val=[1, 2]), "x").tolist() == [1, 2, 2, 2]
    assert decode(proto([2]), "x").tolist() == [0, 0]
    assert decode(proto([1], float_val=[1, 2]), "x").tolist() == [1]


def test_small_integers_are_narrowed() -> None:
    assert decode(proto([1], DataType.INT8, int_val=[300]), "x").tolist() == [44]


def test_content_must_have_the_exact_length() -> None:
    assert decode(proto([2], tensor_content=np.array([1, 2], np.float32).tobytes()), "x").tolist() == [1, 2]
    with pytest.raises(InvalidInputError, match="tensor parsing error: x"):
        decode(proto([3], tensor_content=b"\x00" * 8), "x")


def test_strings_may_be_content_too() -> None:
    long = b"l" * 300
    packed = b"\x01\x00\xac\x02" + b"a" + long
    assert decode(proto([3], DataType.STRING, tensor_content=packed), "x").tolist() == [b"a", b"", long]


@pytest.mark.parametrize("content", [b"\x01", b"\x01ab", b"\x80", b"\xff\xff\xff\xff\xff\xff", b"\xff\xff\xff\xff\x0f"])
def test_strings_that_are_packed_otherwise_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidInputError, match="tensor parsing error: x"):
        decode(proto([1], DataType.STRING, tensor_content=content), "x")


@pytest.mark.parametrize("shape", [[-1], [2**40, 2**40], [2**34], [1] * 65, [0, 2**62, 2**62]])
def test_an_impossible_shape_is_refused_before_memory_is_taken(shape: list[int]) -> None:
    with pytest.raises(InvalidInputError):
        decode(proto(shape, float_val=[1]), "x")


@pytest.mark.parametrize("number", [0, 99, 101, int(DataType.RESOURCE)])
def test_a_type_without_values_is_refused(number: int) -> None:
    with pytest.raises(InvalidInputError):
        decode(messages.TensorProto(dtype=number), "x")
