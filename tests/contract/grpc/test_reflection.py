"""Reflection in both versions, compression and large messages, with the stock client."""

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from testkit.served import Served

Question = reflection_pb2.ServerReflectionRequest
NO_LIMITS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
MIB = 2**20
FILES = {"v1": "grpc/reflection/v1/reflection.proto", "v1alpha": reflection_pb2.DESCRIPTOR.name}


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_both_versions_answer_each_question_of_one_call(half: Served, version: str) -> None:
    questions = [
        Question(list_services=""),
        Question(file_containing_symbol="tensorflow.serving.PredictionService.Predict"),
        Question(file_by_filename=FILES[version]),
        Question(file_containing_symbol="no.such.Symbol"),
        Question(all_extension_numbers_of_type="tensorflow.TensorProto"),
    ]
    with grpc.insecure_channel(f"127.0.0.1:{half.grpc_port}") as channel:
        ask = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            Question.SerializeToString,
            reflection_pb2.ServerReflectionResponse.FromString,
        )
        services, method, file, unknown, extensions = ask(iter(questions), timeout=10)
    names = {service.name for service in services.list_services_response.service}
    assert {"tensorflow.serving.PredictionService", f"grpc.reflection.{version}.ServerReflection"} <= names
    found = [
        descriptor_pb2.FileDescriptorProto.FromString(one)
        for one in method.file_descriptor_response.file_descriptor_proto
    ]
    assert "PredictionService" in [service.name for service in found[0].service]
    assert {name for one in found for name in one.dependency} <= {one.name for one in found}
    assert len(file.file_descriptor_response.file_descriptor_proto) == 1
    assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert list(extensions.all_extension_numbers_response.extension_number) == []


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_requests_are_read(half: Served, compression: grpc.Compression) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "half"
    request.inputs["x"].dtype = 1
    request.inputs["x"].tensor_shape.dim.add(size=1000)
    request.inputs["x"].float_val.append(2.0)
    with grpc.insecure_channel(f"127.0.0.1:{half.grpc_port}", compression=compression) as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=30)
    assert set(answer.outputs["y"].float_val) == {3.0}


def test_a_message_of_100_mib_comes_through_windows_of_4_mib(half: Served) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "half"
    request.inputs["x"].dtype = 9
    request.inputs["x"].tensor_shape.dim.add(size=100 * MIB // 8)
    request.inputs["x"].tensor_content = np.zeros(100 * MIB // 8, np.int64).tobytes()
    with (
        grpc.insecure_channel(f"127.0.0.1:{half.grpc_port}", NO_LIMITS) as channel,
        pytest.raises(grpc.RpcError) as failed,
    ):
        prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
    assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "Expects arg[0] to be float but int64 is provided" in failed.value.details()
