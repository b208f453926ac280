"""TensorFlow Serving's gRPC services, asked by the stock client: sections 6, 8 and 9 of the contract."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from testkit.served import Served


@pytest.fixture
def channel(half: Served):
    with grpc.insecure_channel(f"127.0.0.1:{half.grpc_port}") as found:
        yield found


def predict(channel, request, timeout: float = 10):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=timeout)


def a_request(name: str = "half", signature: str = "", **inputs) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    for alias, value in inputs.items():
        request.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
    return request


def test_predict_answers_in_typed_fields_and_names_the_version(channel) -> None:
    answer = predict(channel, a_request(x=np.array([1, 2], np.float32)))
    assert list(answer.outputs["y"].float_val) == [2.5, 3.0]
    assert answer.outputs["y"].tensor_content == b""
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("half", 1)
    assert answer.model_spec.signature_name == "serving_default"


def test_every_type_goes_there_and_back(types: Served) -> None:
    values = {
        "i64": np.array([2**62]),
        "i8": np.array([-5], np.int8),
        "flag": np.array([True]),
        "f64": np.array([0.1]),
    }
    with grpc.insecure_channel(f"127.0.0.1:{types.grpc_port}") as channel:
        answer = predict(channel, a_request("m", "echo", **values))
        strings = predict(channel, a_request("m", "text", text=np.array([b"a", b"\xff"], object)))
        halves = predict(channel, a_request("m", "halves", half=np.array([1.5], np.float16)))
    for alias, array in values.items():
        found = tf.make_ndarray(answer.outputs[alias])
        assert found.dtype == array.dtype
        assert found.tolist() == array.tolist()
    assert list(strings.outputs["twice"].string_val) == [b"aa", b"\xff\xff"]
    assert tf.make_ndarray(halves.outputs["out"]).tolist() == [3.0]


def test_the_output_filter_selects(types: Served) -> None:
    request = a_request("m", "text", text=np.array([b"a"], object))
    request.output_filter.append("id")
    with grpc.insecure_channel(f"127.0.0.1:{types.grpc_port}") as channel:
        assert list(predict(channel, request).outputs) == ["id"]


X = np.array([1], np.float32)
ERRORS = [
    (a_request("none", x=X), grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(none)"),
    (a_request(signature="no", x=X), grpc.StatusCode.FAILED_PRECONDITION, '"no" not found'),
    (a_request(x=np.array([1])), grpc.StatusCode.INVALID_ARGUMENT, "Expects arg[0] to be float but int64 is provided"),
    (a_request(), grpc.StatusCode.INVALID_ARGUMENT, "input size does not match signature: 0!=1"),
    (a_request(z=X), grpc.StatusCode.INVALID_ARGUMENT, "Signature input alias: x"),
    (a_request(""), grpc.StatusCode.INVALID_ARGUMENT, "ModelSpec has no name"),
    (predict_pb2.PredictRequest(), grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec"),
]


@pytest.mark.parametrize(("request_", "code", "told"), ERRORS, ids=[one[2] for one in ERRORS])
def test_an_error_has_its_code_and_words(channel, request_, code, told: str) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        predict(channel, request_)
    assert failed.value.code() is code
    assert told in failed.value.details()


SERVICES = {
    "tensorflow.serving.PredictionService": {
        "Predict": "tensorflow.serving.PredictRequest",
        "Classify": "tensorflow.serving.ClassificationRequest",
        "Regress": "tensorflow.serving.RegressionRequest",
        "MultiInference": "tensorflow.serving.MultiInferenceRequest",
        "GetModelMetadata": "tensorflow.serving.GetModelMetadataRequest",
    },
    "tensorflow.serving.ModelService": {
        "GetModelStatus": "tensorflow.serving.GetModelStatusRequest",
        "HandleReloadConfigRequest": "tensorflow.serving.ReloadConfigRequest",
    },
    "inference.GRPCInferenceService": {
        "ModelInfer": "inference.ModelInferRequest",
        "ModelMetadata": "inference.ModelMetadataRequest",
    },
    "grpc.health.v1.Health": {"Check": "grpc.health.v1.HealthCheckRequest"},
}
METHODS = [(service, method, asked) for service, methods in SERVICES.items() for method, asked in methods.items()]


@pytest.mark.parametrize(("service", "method", "asked"), METHODS, ids=[one[1] for one in METHODS])
def test_bytes_that_are_no_message_are_told_as_grpcs_own_server_tells_them(
    channel, service: str, method: str, asked: str
) -> None:
    call = channel.unary_unary(f"/{service}/{method}")
    for message in (b"\xff", b"\x0a\x05ab"):
        with pytest.raises(grpc.RpcError) as failed:
            call(message, timeout=10)
        assert (failed.value.code(), failed.value.details()) == (
            grpc.StatusCode.INTERNAL,
            f"the message is no {asked}",
        )


def test_a_name_that_is_no_utf_8_makes_a_message_none(channel) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary("/tensorflow.serving.PredictionService/Predict")(b"\x0a\x03\x0a\x01\xff", timeout=10)
    assert failed.value.code() is grpc.StatusCode.INTERNAL


def test_a_version_that_is_set_to_0_is_version_0_and_a_label_is_looked_up(channel) -> None:
    zero = a_request(x=X)
    zero.model_spec.version.value = 0
    with pytest.raises(grpc.RpcError) as failed:
        predict(channel, zero)
    assert failed.value.code() is grpc.StatusCode.NOT_FOUND
    labelled = a_request(x=X)
    labelled.model_spec.version_label = "stable"
    with pytest.raises(grpc.RpcError) as failed:
        predict(channel, labelled)
    assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_messages_beyond_grpcs_default_of_4_mib(channel) -> None:
    large = np.ones(3_000_000, np.float32)
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    target = channel._channel.target().decode()
    with grpc.insecure_channel(target, options) as wide:
        assert len(predict(wide, a_request(x=large), 60).outputs["y"].float_val) == 3_000_000


def test_metadata_and_status(channel) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "half"
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    with pytest.raises(grpc.RpcError, match="at least one metadata_field"):
        stub.GetModelMetadata(request)
    request.metadata_field.append("signature_def")
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert stub.GetModelMetadata(request).metadata["signature_def"].Unpack(signatures)
    assert "serving_default" in signatures.signature_def
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "half"
    answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status)
    found = answer.model_version_status[0]
    assert (found.version, found.state) == (1, get_model_status_pb2.ModelVersionStatus.AVAILABLE)


def test_what_no_service_has_is_unimplemented(channel) -> None:
    run = channel.unary_unary("/tensorflow.serving.SessionService/SessionRun")
    with pytest.raises(grpc.RpcError) as failed:
        run(b"")
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_health_follows_readiness(half: Served, channel, tmp_path) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    from testkit.served import serving

    with (
        serving(tmp_path / "nothing", tmp_path / "log", wait=False) as served,
        grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}") as other,
    ):
        answer = health_pb2_grpc.HealthStub(other).Check(health_pb2.HealthCheckRequest(), wait_for_ready=True)
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_reflection_describes_the_services(channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"} <= set(database.get_services())
    file = database.FindFileContainingSymbol("tensorflow.serving.PredictionService")
    assert "Predict" in [method.name for method in file.service[0].method]


def test_a_deadline_that_has_passed_is_told(types: Served) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{types.grpc_port}") as channel, pytest.raises(grpc.RpcError) as failed:
        predict(channel, a_request("m", "text", text=np.array([b"a"] * 100_000, object)), timeout=0.001)
    assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
