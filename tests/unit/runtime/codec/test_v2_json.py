"""Elements of tensors in the Open Inference Protocol's JSON."""

from typing import Any

import numpy as np
import pytest

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.codec.v2_json import JsonValues, write
from tfmodel_runtime.errors import InvalidInputError


@pytest.mark.parametrize(
    ("data", "data_type", "shape", "wanted"),
    [
        ([1, 2.5], DataType.FLOAT, (2,), [1.0, 2.5]),
        ([[1, 2], [3, 4]], DataType.INT32, (2, 2), [[1, 2], [3, 4]]),
        ([1, 2, 3, 4], DataType.INT32, (2, 2), [[1, 2], [3, 4]]),
        ([1, 2], DataType.INT32, (2, 1), [[1], [2]]),
        (5, DataType.INT64, (), 5),
        ([5], DataType.INT64, (), 5),
        ([], DataType.DOUBLE, (0, 3), []),
        ([[], []], DataType.UINT8, (2, 0), [[], []]),
        ([True, False], DataType.BOOL, (2,), [True, False]),
        (["é", "\x00"], DataType.STRING, (2,), ["é".encode(), b"\x00"]),
        ([2**64 - 1], DataType.UINT64, (1,), [2**64 - 1]),
        ([-(2**63)], DataType.INT64, (1,), [-(2**63)]),
        ([1e39], DataType.FLOAT, (1,), [float("inf")]),
    ],
)
def test_flat_and_nested_data_of_the_type(data: Any, data_type: DataType, shape: tuple[int, ...], wanted: Any) -> None:
    found = JsonValues(data).array(data_type, shape)
    assert found.shape == shape
    assert found.tolist() == wanted


@pytest.mark.parametrize(
    ("data", "data_type", "shape", "told"),
    [
        ([1.0], DataType.INT32, (1,), "expected INT32 elements, got 1.0"),
        ([True], DataType.INT32, (1,), "expected INT32 elements, got true"),
        ([1], DataType.BOOL, (1,), "expected BOOL elements, got 1"),
        ([False], DataType.FLOAT, (1,), "expected FP32 elements, got false"),
        ([None], DataType.FLOAT, (1,), "expected FP32 elements, got null"),
        ([1, "2"], DataType.DOUBLE, (2,), 'expected FP64 elements, got "2"'),
        ([{"b64": "YQ=="}], DataType.STRING, (1,), "expected BYTES elements"),
        ([128], DataType.INT8, (1,), "out of the range of INT8"),
        ([-1], DataType.UINT32, (1,), "out of the range of UINT32"),
        ([2**63], DataType.INT64, (1,), "out of the range of INT64"),
        ([1, 2, 3], DataType.INT32, (2, 2), "expected 4 elements for shape [2, 2], got 3"),
        ([[1], [2, 3, 4]], DataType.INT32, (2, 2), "expected data flat or nested as shape [2, 2] says"),
        ([[1, 2], 3], DataType.INT32, (2, 2), "expected data flat or nested"),
        ([[1, 2]], DataType.INT32, (2,), "expected data flat or nested"),
        ([[1]], DataType.INT32, (1,), "expected INT32 elements, got [1]"),
        (1, DataType.INT32, (1,), "expected data flat or nested"),
        ({"a": 1}, DataType.INT32, (), "expected INT32 elements"),
        ([1.0], DataType.HALF, (1,), "FP16 has no form in JSON"),
        ([1.0], DataType.BFLOAT16, (1,), "BF16 has no form in JSON"),
    ],
)
def test_what_does_not_fit_is_refused(data: Any, data_type: DataType, shape: tuple[int, ...], told: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        JsonValues(data).array(data_type, shape)
    assert told in str(refused.value)


def test_outputs_are_flat_and_strings_must_be_utf_8() -> None:
    assert write(np.array([[1, 2], [3, 4]]), "y").tolist() == [1, 2, 3, 4]
    assert write(np.array([["é".encode()]], object), "y") == ["é"]
    with pytest.raises(InvalidInputError, match="output y: a string is not UTF-8"):
        write(np.array([b"\xff"], object), "y")
