"""The Open Inference Protocol over gRPC, asked by the stock client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from testkit.served import Served, serving

SERVICE = "inference.GRPCInferenceService"


@pytest.fixture
def client(every: Served) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{every.grpc_port}") as found:
        yield found


@pytest.fixture
def channel(every: Served) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{every.grpc_port}") as found:
        yield found


def input_of(alias: str, array: Any) -> Any:
    datatype = "BF16" if array.dtype.name == "bfloat16" else np_to_triton_dtype(array.dtype)
    one = triton.InferInput(alias, list(array.shape), datatype)
    one.set_data_from_numpy(array)
    return one


def a_request(**fields: Any) -> Any:
    made = service_pb2.ModelInferRequest(**({"model_name": "every"} | fields))
    one = made.inputs.add(name="x", datatype="FP32", shape=[1, 2])
    one.contents.fp32_contents.extend([4, 9])
    return made


def test_the_stock_client_reads_what_is_told_of_server_and_model(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("every")
    assert client.is_model_ready("every", "3")
    server = client.get_server_metadata()
    assert (server.name, list(server.extensions)) == ("tfmodel", ["binary_tensor_data"])
    model = client.get_model_metadata("every")
    assert (model.name, list(model.versions), model.platform) == ("every", ["3"], "tensorflow_savedmodel")
    assert [(one.name, one.datatype, list(one.shape)) for one in model.inputs] == [("x", "FP32", [-1, 2])]
    assert [(one.name, one.datatype, list(one.shape)) for one in model.outputs] == [
        ("doubled", "FP32", [-1, 2]),
        ("largest", "INT64", [-1]),
        ("root", "FP32", [-1, 2]),
    ]


def test_every_type_goes_there_and_back_raw(client: Any, values: Any) -> None:
    sent = [input_of(alias, array) for alias, array in values.items()]
    answer = client.infer("every", sent, request_id="7", parameters={"signature_name": "echo"})
    told = answer.get_response()
    assert (told.model_name, told.model_version, told.id) == ("every", "3", "7")
    for alias, array in values.items():
        found = answer.as_numpy(alias.replace("_in", "_out"))
        np.testing.assert_array_equal(found, array.astype(found.dtype))


def test_typed_contents_are_answered_typed_and_outputs_in_the_order_asked_for(channel: Any) -> None:
    request = a_request(model_version="3")
    for name in ("root", "largest"):
        request.outputs.add(name=name)
    answer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert [one.name for one in answer.outputs] == ["root", "largest"]
    assert list(answer.outputs[0].contents.fp32_contents) == [2, 3]
    assert list(answer.outputs[1].contents.int64_contents) == [1]
    assert not answer.raw_output_contents
    request.parameters["binary_data_output"].bool_param = True
    answer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert answer.raw_output_contents[0] == np.array([2, 3], np.float32).tobytes()


def without_inputs() -> Any:
    return service_pb2.ModelInferRequest(model_name="every")


def with_both() -> Any:
    return a_request(raw_input_contents=[b"12345678"])


def with_shape(*shape: int) -> Any:
    made = a_request()
    made.inputs[0].shape[:] = shape
    return made


def with_signature(name: str) -> Any:
    made = a_request()
    made.parameters["signature_name"].string_param = name
    return made


INVALID = grpc.StatusCode.INVALID_ARGUMENT
ERRORS = [
    (a_request(model_name="none"), grpc.StatusCode.NOT_FOUND, "Latest(none)"),
    (a_request(model_name=""), INVALID, "the request has no model name"),
    (a_request(model_version="4"), grpc.StatusCode.NOT_FOUND, "Specific(every, 4)"),
    (a_request(model_version="x"), grpc.StatusCode.NOT_FOUND, "Specific(every, x)"),
    (with_signature("no"), grpc.StatusCode.FAILED_PRECONDITION, '"no" not found'),
    (without_inputs(), INVALID, "missing inputs: x"),
    (with_both(), INVALID, "expected contents or raw_input_contents, got both"),
    (with_shape(1, 3), INVALID, "expected 3 elements for shape [1, 3], got 2"),
    (with_shape(-1, 2), INVALID, "expected a shape of whole numbers"),
]


@pytest.mark.parametrize(("request_", "code", "told"), ERRORS, ids=[one[2] for one in ERRORS])
def test_an_error_has_its_code_and_words(channel: Any, request_: Any, code: Any, told: str) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request_)
    assert failed.value.code() is code
    assert told in failed.value.details()


def test_what_is_not_there_is_unimplemented(client: Any) -> None:
    with pytest.raises(InferenceServerException) as failed:
        client.get_model_repository_index()
    assert failed.value.status() == "StatusCode.UNIMPLEMENTED"
    with pytest.raises(InferenceServerException) as failed:
        client.load_model("every")
    assert failed.value.status() == "StatusCode.UNIMPLEMENTED"


def test_health_and_reflection_know_the_service(channel: Any) -> None:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=SERVICE))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    database = ProtoReflectionDescriptorDatabase(channel)
    assert SERVICE in database.get_services()
    file = database.FindFileContainingSymbol(SERVICE)
    assert "ModelInfer" in [method.name for method in file.service[0].method]


def test_a_model_whose_version_is_not_there_yet_is_not_ready(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "nothing", tmp_path / "log", wait=False) as served,
        triton.InferenceServerClient(f"127.0.0.1:{served.grpc_port}") as client,
    ):
        assert client.is_server_live()
        assert not client.is_server_ready()
        assert not client.is_model_ready("m")
        with pytest.raises(InferenceServerException) as failed:
            client.infer("m", [input_of("x", np.array([1], np.float32))])
        assert failed.value.status() == "StatusCode.UNAVAILABLE"
