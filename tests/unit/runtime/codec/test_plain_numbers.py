"""Bodies of numbers, read into a buffer once their shape is known: the same arrays and the same errors as with care."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.codec import plain_numbers, tfserving_json
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.errors import RuntimeFault


def signature(data_type: DataType = DataType.FLOAT) -> Signature:
    return Signature("serving_default", {"x": TensorSpec("x", "x:0", data_type, None)}, {}, "")


def read(body: bytes, data_type: DataType = DataType.FLOAT) -> np.ndarray:
    return tfserving_json.feeds(tfserving_json.read(body), signature(data_type))["x"]


def told(body: bytes, data_type: DataType = DataType.FLOAT) -> object:
    try:
        array = read(body, data_type)
    except RuntimeFault as fault:
        return str(fault)
    return array.dtype, array.shape, repr(array.tolist())


def known(body: bytes, data_type: DataType = DataType.FLOAT) -> None:
    read(body, data_type)
    assert plain_numbers.read(body) is not None


def test_the_second_body_of_a_shape_is_read_into_a_buffer() -> None:
    known(b'{"instances": [[1.5, 2], [3, -4e1]]}')
    again = read(b'{ "instances":[[0,1],\n[2,0.25]] }')
    assert again.dtype == np.float32
    assert again.tolist() == [[0, 1], [2, 0.25]]


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [[1, 2], [3]]}',
        b'{"instances": [[1], [2, 3]]}',
        b'{"instances": [[1, 2], [3, true]]}',
        b'{"instances": [[1, 2], [3, "4"]]}',
        b'{"instances": [[1, 2], [3, null]]}',
        b'{"instances": [[1, 2], [3, NaN]]}',
        b'{"instances": [[1, 2], [3, [4]]]}',
        b'{"instances": [[1, 2], [3, ]]}',
        b'{"instances": [[1, 2], [, 4]]}',
        b'{"instances": [[1, 2], 3[, 4]]}',
        b'{"instances": [[1, 2], [3 4, 5]]}',
        b'{"instances": [[1, 2], [3, 1e999]]}',
        b'{"instances": [[1, 2], [3, 99999999999999999999]]}',
        b'{"instances": [[1, 2], [3, 1e39]]}',
        b'{"instances": [[1, 2], [3, 01]]}',
        b'{"instances": [[1, 2], [3, -]]}',
        b'{"instancs": [[1, 2], [3, 4]]}',
        b'{"instances1": [[1, 2], [3, 4]]}',
        b'{"instances": 5 [[1, 2], [3, 4]]}',
        b'{"instances": [[1, 2], [3, 4]]} 5',
        b'5 {"instances": [[1, 2], [3, 4]]}',
    ],
)
def test_what_looks_like_a_known_body_is_answered_as_if_it_were_not(body: bytes) -> None:
    plain_numbers._layouts.clear()
    expected = told(body)
    plain_numbers._layouts.clear()
    known(b'{"instances": [[1, 2], [3, 4]]}')
    assert told(body) == expected


@pytest.mark.parametrize("number", ["1.0", "-1", "300", "2147483648", "18446744073709551615", "1e2", "-0"])
@pytest.mark.parametrize("data_type", [DataType.INT32, DataType.UINT8, DataType.INT64, DataType.UINT64])
def test_whole_numbers_keep_their_bounds(number: str, data_type: DataType) -> None:
    body = f'{{"inputs": [{number}, 7]}}'.encode()
    plain_numbers._layouts.clear()
    expected = told(body, data_type)
    known(b'{"inputs": [1, 2]}', data_type)
    assert told(body, data_type) == expected


def test_a_signature_may_be_named() -> None:
    known(b'{"signature_name": "serving_default", "instances": [1, 2]}')
    request = tfserving_json.read(b'{"signature_name": "srving_dfault", "instances": [1, 2]}')
    assert request.signature_name == "srving_dfault"
    assert request.form == "row"


@given(
    st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1)
)
def test_any_numbers_come_out_as_they_were_sent(rows: list[list[float]]) -> None:
    body = json.dumps({"instances": rows}).encode()
    known(body)
    assert read(body).tolist() == rows


def test_what_is_known_stays_small() -> None:
    for count in range(20, 60, 2):
        read(json.dumps({"instances": [0] * (count * 10_000)}).encode())
    assert plain_numbers._held_bytes <= plain_numbers._MOST_BYTES
    assert sum(map(len, plain_numbers._layouts)) == plain_numbers._held_bytes
