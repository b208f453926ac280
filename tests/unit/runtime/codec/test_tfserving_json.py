"""TensorFlow Serving's REST bodies: sections 2 and 3 of the contract."""

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfmodel.wire.dtypes import DataType, name, numpy_dtype
from tfmodel_runtime.codec import tfserving_json
from tfmodel_runtime.codec.json_text import write
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.errors import InvalidInputError, RuntimeFault, UnimplementedError


def signature(**inputs: DataType) -> Signature:
    specs = {alias: TensorSpec(alias, f"{alias}:0", data_type, (-1,)) for alias, data_type in inputs.items()}
    return Signature("serving_default", specs, specs, "")


def feeds(body: object, wanted: Signature) -> dict[str, np.ndarray]:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return tfserving_json.feeds(tfserving_json.read(text), wanted)


FLOAT = signature(x=DataType.FLOAT)
TWO = signature(a=DataType.FLOAT, b=DataType.INT32)


def test_rows_of_values() -> None:
    found = feeds({"instances": [[1, 2.5], [3, 4]]}, FLOAT)["x"]
    assert found.dtype == np.float32
    assert found.tolist() == [[1.0, 2.5], [3.0, 4.0]]


def test_rows_of_named_values() -> None:
    found = feeds({"instances": [{"a": 1, "b": 2}, {"b": 4, "a": 3}]}, TWO)
    assert found["a"].tolist() == [1.0, 3.0]
    assert found["b"].tolist() == [2, 4]


def test_columns_and_scalars() -> None:
    assert feeds({"inputs": {"a": [1, 2], "b": 3, "ignored": 4}}, TWO)["b"].shape == ()
    assert feeds({"inputs": 2}, FLOAT)["x"].shape == ()
    assert feeds({"inputs": []}, FLOAT)["x"].shape == (0,)


def test_the_dialect_takes_what_json_does_not() -> None:
    found = feeds(b'\xef\xbb\xbf{"instances": [NaN, -Infinity, 1e3]} trailing', FLOAT)["x"]
    assert math.isnan(found[0])
    assert found[1:].tolist() == [-math.inf, 1000.0]


def test_the_first_of_two_keys_counts() -> None:
    assert feeds(b'{"instances": [NaN], "instances": [2]}', FLOAT)["x"].shape == (1,)


def test_strings_and_base64() -> None:
    wanted = signature(s=DataType.STRING)
    assert feeds({"instances": ["é", {"b64": "AAE="}, {"b64": "AAE"}]}, wanted)["s"].tolist() == [
        "é".encode(),
        b"\x00\x01",
        b"\x00\x01",
    ]


BAD: list[tuple[object, Signature, str]] = [
    (b"", FLOAT, "document is empty"),
    (b"[1]", FLOAT, "Is not object"),
    (b"{", FLOAT, "JSON Parse error"),
    ({}, FLOAT, "Missing 'inputs' or 'instances'"),
    ({"instances": [1], "inputs": [1]}, FLOAT, "only one of"),
    ({"instances": 1}, FLOAT, "list/array"),
    ({"instances": []}, FLOAT, "No values in 'instances'"),
    ({"instances": [1]}, TWO, "expecting list of objects"),
    ({"instances": [{"a": 1, "b": 2}, 3]}, TWO, "Expecting object but got list at item 1"),
    ({"instances": [1, {"x": 2}]}, FLOAT, "Expecting value/list but got object at item 1"),
    ({"instances": [{"a": 1, "c": 2}]}, TWO, "does not have named input: c"),
    ({"instances": [{"a": 1}]}, TWO, "keys must be equal to: a,b"),
    ({"inputs": {"a": [1]}}, TWO, "Missing named input: b"),
    ({"instances": [[1, 2], [3]]}, FLOAT, "Expecting tensor size: 2 but got: 1"),
    (
        {"instances": [[1], 2]},
        FLOAT,
        "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [1] but got: []",
    ),
    ({"inputs": [[1, 2], [3]]}, FLOAT, "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
    ({"inputs": [[1], 2]}, FLOAT, "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
    ({"inputs": [1, [2]]}, FLOAT, "Encountered list at unexpected level: 1 expected < 1"),
    ({"inputs": [{"b64": 1}]}, signature(x=DataType.STRING), "not formatted correctly for base64 data"),
    ({"instances": [1]}, signature(x=DataType.HALF), "Error: UNIMPLEMENTED: Conversion of JSON Value: 1 to type: half"),
    ({"instances": [None]}, FLOAT, "JSON Value: null Type: Null is not of expected type: float"),
    (b'{"instances": [01]}', FLOAT, "JSON Parse error: Missing a comma or ] after an array element. at offset: 16"),
    (b'{"instances": [nan]}', FLOAT, "JSON Parse error: Invalid value. at offset: 15"),
    ({"instances": ["1"]}, FLOAT, "not of expected type: float"),
    ({"instances": [True]}, FLOAT, "not of expected type: float"),
    ({"instances": [None]}, FLOAT, "not of expected type: float"),
    ({"instances": [1.0]}, signature(x=DataType.INT32), "not of expected type: int32"),
    ({"instances": [2**31]}, signature(x=DataType.INT32), "not of expected type: int32"),
    ({"instances": [2**63]}, signature(x=DataType.INT64), "not of expected type: int64"),
    ({"instances": [1]}, signature(x=DataType.BOOL), "not of expected type: bool"),
    ({"instances": [1]}, signature(x=DataType.STRING), "not of expected type: string"),
    ({"instances": [{"b64": "%"}]}, signature(x=DataType.STRING), "Unable to base64 decode"),
    (b'{"instances": [1e999]}', FLOAT, "too big"),
    ({"instances": [{"a": 1, "b": 2.5}]}, TWO, "Failed to process element: 0 key: b of 'instances' list"),
    ({"instances": [{"a": [1, 2], "b": 1}, {"a": [1], "b": 1}]}, TWO, "Expecting tensor size: 2 but got: 1"),
    (b'{"instances": [' + b"9" * 400 + b"]}", FLOAT, "too big"),
    (b'{"instances": [' + b"9" * 5000 + b"]}", FLOAT, "JSON Parse error"),
    (b'{"instances": ["\\ud800"]}', signature(x=DataType.STRING), "JSON Parse error"),
    (b'{"instances": ' + b"[" * 200 + b"1" + b"]" * 200 + b"}", FLOAT, "at most 64 levels"),
    ({"signature_name": 3, "instances": [1]}, FLOAT, "'signature_name' key must be a string"),
]


@pytest.mark.parametrize(("body", "wanted", "told"), BAD, ids=[one[2] for one in BAD])
def test_a_bad_body_is_refused_with_words(body: object, wanted: Signature, told: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(told)):
        feeds(body, wanted)


SMALL = (DataType.INT8, DataType.INT16, DataType.INT32, DataType.UINT8)
INT32 = ["-2147483648", "2147483647"]
ACCEPTED = {
    DataType.FLOAT: ["1", "1.5", "-0", "1e2", "NaN", "-Infinity", "18446744073709551615"],
    DataType.DOUBLE: ["1", "1.5", "Infinity"],
    **dict.fromkeys(SMALL, INT32),
    DataType.INT64: ["-9223372036854775808", "9223372036854775807"],
    DataType.UINT32: ["0", "4294967295"],
    DataType.UINT64: ["0", "18446744073709551615"],
    DataType.BOOL: ["true", "false"],
    DataType.STRING: ['""', '"a"', '{"b64": ""}'],
}
NO_INTEGERS = ["1.0", "1e2", "true", '"1"', "null", "NaN", '{"b64": "YQ=="}']
WRONG = {
    **{one: ['"1"', "true", "null", '{"b64": "YQ=="}'] for one in (DataType.FLOAT, DataType.DOUBLE)},
    **{one: [*NO_INTEGERS, "2147483648", "-2147483649"] for one in SMALL},
    DataType.INT64: [*NO_INTEGERS, "9223372036854775808"],
    DataType.UINT32: [*NO_INTEGERS, "-1", "4294967296"],
    DataType.UINT64: [*NO_INTEGERS, "-1", "18446744073709551616"],
    DataType.BOOL: ["0", "1", '"true"', "null"],
    DataType.STRING: ["1", "true", "null", "1.5"],
}


@pytest.mark.parametrize("form", ["instances", "inputs"])
@pytest.mark.parametrize("data_type", list(ACCEPTED), ids=[one.name for one in ACCEPTED])
def test_the_signature_decides_which_tokens_are_values(data_type: DataType, form: str) -> None:
    wanted = signature(x=data_type)
    for token in ACCEPTED[data_type]:
        assert feeds(b'{"%s": [%s]}' % (form.encode(), token.encode()), wanted)["x"].shape == (1,)
    for token in WRONG[data_type]:
        with pytest.raises(InvalidInputError, match=f"is not of expected type: {name(data_type)}"):
            feeds(b'{"%s": [%s]}' % (form.encode(), token.encode()), wanted)


@pytest.mark.parametrize(
    "data_type", [DataType.HALF, DataType.BFLOAT16, DataType.UINT16, DataType.COMPLEX64], ids=lambda one: one.name
)
def test_types_without_json_are_refused_in_rows_and_unimplemented_in_columns(data_type: DataType) -> None:
    with pytest.raises(InvalidInputError, match="Error: UNIMPLEMENTED: Conversion of JSON Value: 1 to type: "):
        feeds({"instances": [1]}, signature(x=data_type))
    with pytest.raises(UnimplementedError, match="Conversion of JSON Value: 1 to type: "):
        feeds({"inputs": [1]}, signature(x=data_type))
    with pytest.raises(InvalidInputError, match=f"tensor type: {name(data_type)}"):
        write(np.zeros(1, numpy_dtype(data_type)))


def test_base64_takes_its_padding_or_leaves_it_but_not_half_of_it() -> None:
    wanted = signature(x=DataType.STRING)
    for text, content in (("YQ==", b"a"), ("YQ", b"a"), ("YWI=", b"ab"), ("YWI", b"ab"), ("+/+/", b"\xfb\xff\xbf")):
        assert feeds({"instances": [{"b64": text}]}, wanted)["x"].tolist() == [content]
    for text in ("YQ=", "YQ===", "Y", "Y Q=", "YQ==YQ==", "-_-_"):
        with pytest.raises(InvalidInputError, match="Unable to base64 decode"):
            feeds({"instances": [{"b64": text}]}, wanted)


def test_a_key_beside_b64_makes_it_an_object() -> None:
    with pytest.raises(InvalidInputError, match="does not have named input: "):
        feeds({"instances": [{"b64": "YQ==", "more": 1}]}, signature(x=DataType.STRING))


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(body: bytes) -> None:
    try:
        feeds(body, FLOAT)
    except RuntimeFault:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "b64"]), inner, max_size=2),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["instances", "inputs"]), st.sampled_from(list(DataType)))
def test_no_value_crashes_the_reader(value: object, key: str, data_type: DataType) -> None:
    try:
        feeds({key: value}, signature(a=data_type))
    except RuntimeFault:
        return


@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=3)))
def test_floats_come_back_to_the_last_bit(array: np.ndarray) -> None:
    text = write(array)
    read = np.array(json.loads(text), np.float64).astype(np.float32)
    np.testing.assert_array_equal(read, array)


@given(hnp.arrays(np.int64, hnp.array_shapes(max_dims=3, max_side=3)))
def test_integers_come_back(array: np.ndarray) -> None:
    found = feeds({"inputs": array.tolist()}, signature(x=DataType.INT64))["x"]
    np.testing.assert_array_equal(found, array)


def answered(body: object, **outputs: np.ndarray) -> str:
    request = tfserving_json.read(json.dumps(body).encode())
    return tfserving_json.answer(request.form, outputs).decode()


ROWS, COLUMNS = {"instances": [1]}, {"inputs": [1]}


def test_one_output_is_not_named_and_several_are() -> None:
    two = np.array([0.2, 1], np.float32)
    assert json.loads(answered(ROWS, y=two)) == {"predictions": [0.2, 1.0]}
    assert json.loads(answered(COLUMNS, y=two)) == {"outputs": [0.2, 1.0]}
    assert json.loads(answered(ROWS, y=two, z=two)) == {"predictions": [{"y": 0.2, "z": 0.2}, {"y": 1.0, "z": 1.0}]}
    assert json.loads(answered(COLUMNS, y=two, z=np.array(3))) == {"outputs": {"y": [0.2, 1.0], "z": 3}}


def test_float32_is_not_widened() -> None:
    assert "[0.2,NaN]" in answered(ROWS, y=np.array([0.2, np.nan], np.float32))


def test_binary_outputs_are_base64() -> None:
    raw = np.array([b"\x00\xff"], object)
    assert json.loads(answered(ROWS, image_bytes=raw)) == {"predictions": [{"b64": "AP8="}]}


def test_outputs_without_rows_are_refused_in_rows() -> None:
    with pytest.raises(InvalidInputError, match="no shape information"):
        answered(ROWS, y=np.array(1.0))
    with pytest.raises(InvalidInputError, match="inconsistent batch size: 2 expecting: 1"):
        answered(ROWS, y=np.zeros(1), z=np.zeros(2))
    with pytest.raises(InvalidInputError, match="tensor type: half"):
        answered(ROWS, y=np.zeros(1, np.float16))


def test_bytes_that_are_no_utf_8_come_out_as_they_are() -> None:
    request = tfserving_json.read(b'{"instances": ["\xff"]}')
    assert tfserving_json.feeds(request, signature(s=DataType.STRING))["s"].tolist() == [b"\xff"]
    assert b'["\xff","\xc3\xa9"]' in tfserving_json.answer(
        request.form, {"y": np.array([b"\xff", "é".encode()], object)}
    )
