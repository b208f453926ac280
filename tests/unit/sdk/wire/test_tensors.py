"""NumPy arrays as TensorProto and back."""

import ml_dtypes
import numpy as np
import pytest

from tfmodel.wire import messages
from tfmodel.wire.dtypes import _NUMPY, DataType, known, name, of_array
from tfmodel.wire.tensors import VALUE_FIELDS, as_array, to_array, to_proto

NUMBERS = [dtype for data_type, dtype in _NUMPY.items() if data_type is not DataType.STRING]


@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 2)], ids=str)
def test_every_type_and_shape_comes_back(dtype: np.dtype, shape: tuple[int, ...]) -> None:
    array = np.ones(shape, dtype)
    found = to_array(to_proto(array))
    assert found.dtype == dtype
    assert found.shape == shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
def test_the_typed_fields_are_read_as_servers_write_them(dtype: np.dtype) -> None:
    from tfmodel_runtime.codec import tensor_proto

    array = np.array([0, 1, 1, 0], dtype).reshape(2, 2)
    proto = tensor_proto.encode(array)
    assert not proto.tensor_content
    np.testing.assert_array_equal(to_array(proto), array)


def test_texts_and_bytes_are_bytes() -> None:
    array = as_array([["a", "\u00e9"], ["", "b\x00"]])
    assert to_array(to_proto(array)).tolist() == [[b"a", "\u00e9".encode()], [b"", b"b\x00"]]
    assert to_array(to_proto(as_array(b"one\x00"))).item() == b"one\x00"


def test_one_value_stands_for_all_elements() -> None:
    proto = messages.TensorProto(dtype=1, float_val=[7])
    proto.tensor_shape.dim.add(size=3)
    assert to_array(proto).tolist() == [7, 7, 7]


def test_values_that_do_not_fill_the_shape_are_an_error() -> None:
    proto = messages.TensorProto(dtype=1, float_val=[1, 2])
    proto.tensor_shape.dim.add(size=3)
    with pytest.raises(ValueError, match="reshape"):
        to_array(proto)


def test_an_array_that_is_cut_out_of_another_is_sent_as_it_looks() -> None:
    array = np.arange(12).reshape(3, 4)[::2, 1::2].T
    np.testing.assert_array_equal(to_array(to_proto(array)), array)


def test_types_have_tensorflows_numbers_and_tensorflow_servings_names() -> None:
    wanted = messages.TensorProto.DESCRIPTOR.fields_by_name["dtype"].enum_type.values_by_name
    assert all(wanted[f"DT_{one.name}"].number == one for one in DataType)
    assert [name(one) for one in (DataType.FLOAT, DataType.INT64, DataType.HALF)] == ["float", "int64", "half"]
    assert known(101) is DataType.INVALID
    assert of_array(np.zeros(1, ml_dtypes.bfloat16)) is DataType.BFLOAT16
    assert set(VALUE_FIELDS) == set(_NUMPY)
