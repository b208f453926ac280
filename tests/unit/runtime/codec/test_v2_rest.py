"""Bodies of the Open Inference Protocol over REST."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.codec import v2_request
from tfmodel_runtime.codec.v2_rest import answer, ask, read
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.errors import InvalidInputError, RuntimeFault, UnimplementedError


def specs(**types: DataType) -> dict[str, TensorSpec]:
    return {alias: TensorSpec(alias, f"{alias}:0", data_type, (-1,)) for alias, data_type in types.items()}


SIGNATURE = Signature(
    "serving_default",
    specs(x=DataType.FLOAT, s=DataType.STRING),
    specs(y=DataType.FLOAT, h=DataType.HALF, t=DataType.STRING, c=DataType.COMPLEX64),
    "",
)
X: dict[str, Any] = {"name": "x", "shape": [2], "datatype": "FP32", "data": [1, 2]}
S: dict[str, Any] = {"name": "s", "shape": [1], "datatype": "BYTES", "data": ["a"]}


def body(**keys: Any) -> bytes:
    return json.dumps({"inputs": [X, S], **keys}).encode()


def test_a_json_body() -> None:
    request = read(body(id="7", parameters={"signature_name": "other"}, outputs=[{"name": "y"}]), None)
    assert (request.id, request.signature_name) == ("7", "other")
    assert request.outputs == [v2_request.Output("y", is_binary=False)]
    found = v2_request.feeds(request, SIGNATURE)
    assert found["x"].tolist() == [1, 2]
    assert found["s"].tolist() == [b"a"]
    assert ask(request, SIGNATURE).fetches == ["y"]


def test_binary_and_json_inputs_are_mixed() -> None:
    one = {"name": "x", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
    header = json.dumps({"inputs": [one, S]}).encode()
    found = v2_request.feeds(read(header + np.array([1, 2], np.float32).tobytes(), str(len(header))), SIGNATURE)
    assert found["x"].tolist() == [1, 2]
    assert found["s"].tolist() == [b"a"]


def test_a_header_as_long_as_the_body_is_a_json_body() -> None:
    assert len(read(body(), str(len(body()))).inputs) == 2


def test_the_setting_of_an_output_wins_over_the_requests() -> None:
    outputs = [{"name": "y"}, {"name": "t", "parameters": {"binary_data": False}}]
    request = read(body(parameters={"binary_data_output": True}, outputs=outputs), None)
    assert [one.is_binary for one in request.outputs] == [True, False]
    assert request.wants_binary


BODIES: list[tuple[bytes, str]] = [
    (b"", "expected JSON"),
    (b"{", "expected JSON"),
    (b'{"inputs": [], "x": NaN}', "expected JSON"),
    (b'{"inputs": []} x', "expected JSON"),
    (b"[" * 2000 + b"]" * 2000, "expected JSON"),
    (b"[]", "the request: expected an object"),
    (b"{}", "the request has no inputs"),
    (b'{"inputs": {}}', "expected inputs to be a list"),
    (b'{"inputs": [1]}', "an input: expected an object"),
    (b'{"inputs": [{}]}', "an input: expected a name"),
    (body(id=7), "expected id to be a string"),
    (body(parameters=[]), "expected parameters to be an object"),
    (body(parameters={"signature_name": 1}), "expected signature_name to be a string"),
    (body(parameters={"binary_data_output": "yes"}), "expected binary_data_output to be true or false"),
    (body(outputs=[{"name": "y", "parameters": {"binary_data": 1}}]), "expected binary_data to be true or false"),
    (body(inputs=[{"name": "x"}]), "input x: expected a shape and a datatype"),
    (body(inputs=[X | {"shape": 1}]), "input x: expected shape to be a list"),
    (body(inputs=[X | {"shape": [-1]}]), "input x: expected a shape of whole numbers"),
    (body(inputs=[X | {"shape": [True]}]), "input x: expected a shape of whole numbers"),
    (body(inputs=[X | {"shape": [0, 2**41]}]), "input x: expected a shape that fits into memory"),
    (body(inputs=[X | {"shape": [1] * 65}]), "input x: expected at most 64 dimensions, got 65"),
    (body(inputs=[X | {"parameters": {"binary_data_size": 8}}]), "either data or the parameter binary_data_size"),
    (body(inputs=[{key: X[key] for key in ("name", "shape", "datatype")}]), "either data or the parameter"),
]


@pytest.mark.parametrize(("sent", "told"), BODIES, ids=[one[1] for one in BODIES])
def test_what_is_no_request_is_refused(sent: bytes, told: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read(sent, None)
    assert told in str(refused.value)


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "²", "99999", "9" * 30, " 1"])
def test_a_header_length_that_is_no_length_within_the_body_is_refused(length: str) -> None:
    with pytest.raises(InvalidInputError, match="Inference-Header-Content-Length"):
        read(body(), length)


@pytest.mark.parametrize(
    ("size", "tail", "told"),
    [
        (8, 7, "8, but 7 bytes are left"),
        (-1, 8, "-1, but"),
        (8, 9, "1 bytes at the end of the body"),
        ("8", 8, "whole"),
    ],
)
def test_sizes_are_held_against_the_body(size: Any, tail: int, told: str) -> None:
    one = {"name": "x", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": size}}
    header = json.dumps({"inputs": [one]}).encode()
    with pytest.raises(InvalidInputError) as refused:
        read(header + b"\0" * tail, str(len(header)))
    assert told in str(refused.value)


@pytest.mark.parametrize("parameter", ["shared_memory_region", "classification"])
def test_extensions_that_are_not_there_are_refused_by_name(parameter: str) -> None:
    with pytest.raises(UnimplementedError, match=parameter):
        read(body(outputs=[{"name": "y", "parameters": {parameter: 1}}]), None)


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([X], "missing inputs: s"),
        ([X, S, X], "input x: there twice"),
        ([X, S, X | {"name": "z"}], "input z: expected one of x, s"),
        ([X | {"datatype": "INT64"}, S], "input x: expected datatype FP32, got INT64"),
        ([X | {"data": [1]}, S], "input x: expected 2 elements for shape [2], got 1"),
    ],
)
def test_inputs_are_held_against_the_signature(inputs: Any, told: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        v2_request.feeds(read(body(inputs=inputs), None), SIGNATURE)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("names", "cause", "told"),
    [
        (["n"], InvalidInputError, "output n: expected one of y, h, t, c"),
        (["y", "y"], InvalidInputError, "output y: asked for twice"),
        (["h"], InvalidInputError, "output h: FP16 has no form in JSON"),
        (["c"], UnimplementedError, "output c: the protocol has no datatype for complex64"),
    ],
)
def test_outputs_are_held_against_the_signature(names: list[str], cause: type[RuntimeFault], told: str) -> None:
    request = read(body(outputs=[{"name": name} for name in names]), None)
    with pytest.raises(cause) as refused:
        ask(request, SIGNATURE)
    assert told in str(refused.value)


def told_of(sent: bytes, **outputs: Any) -> tuple[Any, bytes]:
    made = answer(read(sent, None), SIGNATURE, outputs, model_name="m", model_version=3)
    length = len(made.content) if made.header_length is None else made.header_length
    return json.loads(made.content[:length]), made.content[length:]


def test_an_answer_in_json_has_the_order_that_was_asked_for_and_null_for_what_is_not_finite() -> None:
    t, y = np.array([b"a"], object), np.array([[1.5, np.nan]], np.float32)
    assert told_of(body(id="7", outputs=[{"name": "t"}, {"name": "y"}]), y=y, t=t) == (
        {
            "model_name": "m",
            "model_version": "3",
            "id": "7",
            "outputs": [
                {"name": "t", "datatype": "BYTES", "shape": [1], "data": ["a"]},
                {"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [1.5, None]},
            ],
        },
        b"",
    )


def test_an_answer_mixes_binary_and_json() -> None:
    outputs = [{"name": "h", "parameters": {"binary_data": True}}, {"name": "y"}]
    told, tail = told_of(body(outputs=outputs), y=np.array([1], np.float32), h=np.array([1.5], np.float16))
    assert told["outputs"][0] == {
        "name": "h",
        "datatype": "FP16",
        "shape": [1],
        "parameters": {"binary_data_size": 2},
    }
    assert told["outputs"][1]["data"] == [1.0]
    assert tail == np.float16(1.5).tobytes()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**65) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "shape", "datatype", "data", "parameters", "binary_data_size"]), inner, max_size=5
        )
    ),
    max_leaves=8,
)


@given(JSON, JSON, JSON, st.binary(max_size=20))
def test_any_request_is_read_or_refused(inputs: Any, outputs: Any, parameters: Any, tail: bytes) -> None:
    one = X | inputs if isinstance(inputs, dict) else inputs
    header = json.dumps({"inputs": [one, S], "outputs": outputs, "parameters": parameters}).encode()
    try:
        request = read(header + tail, str(len(header)))
        found = v2_request.feeds(request, SIGNATURE)
    except RuntimeFault:
        return
    assert set(found) == {"x", "s"}
