"""PredictRequests of one kind, read and answered without protobuf: what comes out is what protobuf makes of each."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType, numpy_dtype
from tfmodel_runtime.codec import tensor_proto
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.grpc.content_rows import ContentRows, like
from tfmodel_runtime.methods import prediction
from tfmodel_runtime.servables.servable import Handle

HANDLE = Handle("m", 1, cast("Any", Path("unused")))
ENCODINGS = {"typed fields": tensor_proto.encode, "content": tensor_proto.encode_content}


def signature(data_type: DataType = DataType.FLOAT, row: tuple[int, ...] = (2,)) -> Signature:
    spec = TensorSpec("x", "x:0", data_type, (-1, *row))
    return Signature("serving_default", {"x": spec}, {"y": spec}, "")


def request(array: Array, encode: Any = tensor_proto.encode_content, **others: Any) -> Any:
    found = messages.PredictRequest(model_spec={"name": "m"}, **others)
    found.inputs["x"].CopyFrom(encode(array))
    return found


def known(found: Any, encode: Any = tensor_proto.encode) -> ContentRows | None:
    def answer(_handle: Handle, _signature: Signature, outputs: Any) -> Any:
        return prediction.answer(messages.ModelSpec(name="m"), outputs, encode)

    return like(found.SerializeToString(), found, answer)


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("data_type", [DataType.FLOAT, DataType.DOUBLE])
@pytest.mark.parametrize("rows", [1, 3])
def test_messages_of_one_kind_are_read_as_one_array(encode: Any, data_type: DataType, rows: int) -> None:
    arrays = [np.random.default_rng(seed).random((rows, 2)).astype(numpy_dtype(data_type)) for seed in range(4)]
    wire = known(request(arrays[0], encode))
    assert wire is not None
    assert wire.rows == rows
    assert wire.fits(signature(data_type))
    sent = [request(array, encode).SerializeToString() for array in arrays]
    assert all(map(wire.admits, sent))
    found = wire.read(sent, signature(data_type))["x"]
    np.testing.assert_array_equal(found, np.concatenate(arrays))
    assert found.dtype == arrays[0].dtype


ONE = np.array([[1.5, 2.5]], np.float32)
OTHERS = {
    "another model": messages.PredictRequest(model_spec={"name": "n"}, inputs={"x": tensor_proto.encode_content(ONE)}),
    "another shape": request(ONE.reshape(2, 1)),
    "another type": request(np.array([[1, 2]], np.int32)),
    "filtered outputs": request(ONE, output_filter=["y"]),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_other_messages_are_of_another_kind(other: Any) -> None:
    wire = known(request(ONE))
    assert wire is not None
    message = other.SerializeToString()
    assert len(message) != len(request(ONE).SerializeToString()) or not wire.admits(message)


@pytest.mark.parametrize(
    "unfit",
    [
        request(ONE, output_filter=["y"]),
        request(np.array([[1, 2]], np.int32), tensor_proto.encode),
        request(np.array([b"text"], object)),
        request(np.float32(1) * np.ones(())),
        request(np.ones((0, 2), np.float32)),
        messages.PredictRequest(model_spec={"name": "m"}),
        messages.PredictRequest(inputs={"x": tensor_proto.encode(ONE), "z": tensor_proto.encode(ONE)}),
    ],
    ids=["filtered", "varints", "strings", "no rows", "nothing in it", "no input", "two inputs"],
)
def test_what_has_no_raw_bytes_of_one_tensor_makes_no_kind(unfit: Any) -> None:
    assert known(unfit) is None


def test_too_few_values_which_are_repeated_make_no_kind() -> None:
    few = request(ONE, tensor_proto.encode)
    del few.inputs["x"].float_val[1:]
    assert known(few) is None


def test_bytes_that_stand_in_a_message_twice_make_no_kind() -> None:
    found = request(np.frombuffer(b"abcdefgh", np.float32).reshape(1, 2))
    assert known(found) is not None
    found.model_spec.name = "abcdefgh"
    assert known(found) is None


@pytest.mark.parametrize(
    "wanted", [signature(DataType.DOUBLE), signature(row=(3,)), signature(row=(-1,)), signature(row=(2, 1))]
)
def test_it_fits_signatures_of_its_type_and_row_alone(wanted: Signature) -> None:
    wire = known(request(ONE))
    assert wire is not None
    assert not wire.fits(wanted)


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8])
@pytest.mark.parametrize("row", [(), (3,), (2, 2)])
def test_answers_that_are_written_together_are_those_written_alone(
    encode: Any, dtype: Any, row: tuple[int, ...]
) -> None:
    wire = known(request(np.ones((2, 2), np.float32)), encode)
    assert wire is not None
    for seed in (1, 2):
        outputs = (np.random.default_rng(seed).random((6, *row)) * 100).astype(dtype)
        alone = [wire.write({"y": outputs[2 * n : 2 * n + 2]}, HANDLE, signature()) for n in range(3)]
        together = wire.write_all({"y": outputs}, 3, HANDLE, signature())
        if together is None:
            assert encode is tensor_proto.encode
            assert outputs.dtype.kind in "iu"
        else:
            assert list(map(messages.PredictResponse.FromString, together)) == list(
                map(messages.PredictResponse.FromString, alone)
            )


def test_several_outputs_are_written_one_by_one() -> None:
    wire = known(request(ONE))
    assert wire is not None
    assert wire.write_all({"y": ONE, "z": ONE}, 1, HANDLE, signature()) is None
