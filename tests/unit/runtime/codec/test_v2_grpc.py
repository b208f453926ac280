"""ModelInfer's messages."""

from typing import Any

import numpy as np
import pytest

from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType, numpy_dtype
from tfmodel.wire.oip_datatypes import CONTENTS_FIELDS, DATATYPES
from tfmodel_runtime.codec import v2_request
from tfmodel_runtime.codec.v2_grpc import answer, read
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError, UnimplementedError


def signature(data_type: DataType) -> Signature:
    spec = {"x": TensorSpec("x", "x:0", data_type, (-1,))}
    return Signature("serving_default", spec, spec, "")


def message(data_type: DataType, *values: Any, shape: tuple[int, ...] | None = None, **fields: Any) -> Any:
    made = messages.ModelInferRequest(model_name="m", id="7", **fields)
    one = made.inputs.add(name="x", datatype=DATATYPES[data_type], shape=(len(values),) if shape is None else shape)
    if values:
        getattr(one.contents, CONTENTS_FIELDS[data_type]).extend(values)
    return made


def fed(sent: Any, data_type: DataType) -> Array:
    return v2_request.feeds(read(sent), signature(data_type))["x"]


def values_of(data_type: DataType) -> list[Any]:
    if data_type is DataType.STRING:
        return [b"a", b"\xff"]
    if data_type is DataType.BOOL:
        return [True, False]
    dtype = numpy_dtype(data_type)
    return [np.iinfo(dtype).min, np.iinfo(dtype).max] if dtype.kind in "iu" else [0.5, -1.0]


@pytest.mark.parametrize("data_type", CONTENTS_FIELDS)
def test_every_type_goes_there_and_back_in_its_typed_field(data_type: DataType) -> None:
    values = values_of(data_type)
    found = fed(message(data_type, *values), data_type)
    assert found.dtype == numpy_dtype(data_type)
    assert found.tolist() == values
    made = answer(
        read(message(data_type, *values)), signature(data_type), {"x": found}, model_name="m", model_version=3
    )
    assert (made.model_name, made.model_version, made.id) == ("m", "3", "7")
    assert list(getattr(made.outputs[0].contents, CONTENTS_FIELDS[data_type])) == values
    assert not made.raw_output_contents


def test_raw_contents_are_answered_raw() -> None:
    raw = np.array([1, 2], np.float32).tobytes()
    sent = message(DataType.FLOAT, shape=(2,), raw_input_contents=[raw])
    found = fed(sent, DataType.FLOAT)
    assert found.tolist() == [1, 2]
    made = answer(read(sent), signature(DataType.FLOAT), {"x": found}, model_name="m", model_version=3)
    assert list(made.raw_output_contents) == [raw]
    assert not made.outputs[0].contents.ByteSize()


@pytest.mark.parametrize("wanted", [True, False])
def test_a_parameter_says_whether_the_answer_is_raw(wanted: bool) -> None:
    sent = message(DataType.FLOAT, 1.0)
    if not wanted:
        sent = message(DataType.FLOAT, shape=(1,), raw_input_contents=[b"\0\0\x80\x3f"])
    sent.parameters["binary_data_output"].bool_param = wanted
    outputs = {"x": fed(sent, DataType.FLOAT)}
    made = answer(read(sent), signature(DataType.FLOAT), outputs, model_name="m", model_version=3)
    assert bool(made.raw_output_contents) is wanted


def test_what_has_no_typed_field_is_answered_raw() -> None:
    outputs = {"x": np.array([1.5], np.float16)}
    sent = read(messages.ModelInferRequest())
    made = answer(sent, signature(DataType.HALF), outputs, model_name="m", model_version=3)
    assert list(made.raw_output_contents) == [outputs["x"].tobytes()]


def with_other_field() -> Any:
    made = message(DataType.FLOAT, 1.0)
    made.inputs[0].contents.int_contents.append(1)
    return made


REFUSED: list[tuple[Any, DataType, str]] = [
    (message(DataType.INT8, 128), DataType.INT8, "out of the range of INT8"),
    (message(DataType.UINT16, 2**16), DataType.UINT16, "out of the range of UINT16"),
    (message(DataType.INT32, 1, shape=(2,)), DataType.INT32, "expected 2 elements for shape [2], got 1"),
    (message(DataType.INT32, 1, shape=(-1,)), DataType.INT32, "shape of whole numbers"),
    (message(DataType.INT32, 1), DataType.FLOAT, "expected datatype FP32, got INT32"),
    (message(DataType.HALF, shape=(1,)), DataType.HALF, "FP16 has no typed field"),
    (with_other_field(), DataType.FLOAT, "expected FP32 in fp32_contents, got int_contents"),
    (message(DataType.FLOAT, 1.0, raw_input_contents=[b"1234"]), DataType.FLOAT, "contents or raw_input_contents"),
    (message(DataType.FLOAT, 1.0, raw_input_contents=[b"", b""]), DataType.FLOAT, "expected 1 raw_input_contents"),
]


@pytest.mark.parametrize(("sent", "data_type", "told"), REFUSED, ids=[one[2] for one in REFUSED])
def test_what_does_not_fit_is_refused(sent: Any, data_type: DataType, told: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        fed(sent, data_type)
    assert told in str(refused.value)


def test_parameters_have_their_types_and_shared_memory_is_refused() -> None:
    sent = message(DataType.FLOAT, 1.0)
    sent.parameters["signature_name"].string_param = "other"
    assert read(sent).signature_name == "other"
    sent.parameters["signature_name"].int64_param = 1
    with pytest.raises(InvalidInputError, match="parameter signature_name: expected string_param, got int64_param"):
        read(sent)
    shared = message(DataType.FLOAT, 1.0)
    shared.inputs[0].parameters["shared_memory_region"].string_param = "r"
    with pytest.raises(UnimplementedError, match="input x: shared_memory_region is not served"):
        read(shared)
