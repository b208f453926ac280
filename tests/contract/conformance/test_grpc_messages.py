"""gRPC as TensorFlow Serving answers it, by the stock messages: sections 5, 6, 8, 9 and 12 of the contract."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from testkit.served import Served

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


@pytest.fixture
def stub(channel: Any) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def asking(spec: str, **inputs: str) -> predict_pb2.PredictRequest:
    """A request by the text formats of its model_spec and of its inputs."""
    request = predict_pb2.PredictRequest()
    text_format.Parse(spec, request.model_spec)
    for alias, tensor in inputs.items():
        text_format.Parse(tensor, request.inputs[alias])
    return request


def filtered(*names: str) -> predict_pb2.PredictRequest:
    request = asking("name: 'types' signature_name: 'text'", text="dtype: 7 tensor_shape { dim { size: 1 } }")
    request.output_filter.extend(names)
    return request


ONE = "dtype: 1 tensor_shape { dim { size: 1 } } float_val: 1"
ERRORS = [
    (asking("name: 'half' version_label: ''", x=ONE), INVALID, "Unrecognized servable version label: "),
    (asking("name: 'none' version_label: 'l'", x=ONE), INVALID, "Unrecognized servable version label: l"),
    (
        asking("name: 'half' version { value: 9 }", x=ONE),
        NOT_FOUND,
        "Servable not found for request: Specific(half, 9)",
    ),
    (asking("name: 'half' version { }", x=ONE), NOT_FOUND, "Servable not found for request: Specific(half, 0)"),
    (asking("name: 'half' signature_name: 's'", x=ONE), PRECONDITION, 'Serving signature key "s" not found.'),
    (
        asking("name: 'half'", x=ONE, z=ONE),
        INVALID,
        "input size does not match signature: 2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}.",
    ),
    (asking("name: 'half'", x="dtype: 1 tensor_shape { dim { size: -1 } }"), INVALID, "tensor parsing error: x"),
    (asking("name: 'half'", x="dtype: 101"), INVALID, "tensor parsing error: x"),
    (asking("name: 'half'", x="dtype: 1 tensor_content: 'abc'"), INVALID, "tensor parsing error: x"),
    (filtered("no"), INVALID, "output tensor alias not found in signature: no"),
    (filtered("id", "id"), INVALID, "duplicate output tensor alias: id"),
    (
        asking("name: 'files'", x="dtype: 7 tensor_shape { dim { size: 1 } } string_val: '/no/such/file'"),
        NOT_FOUND,
        "/no/such/file; No such file or directory",
    ),
    (
        asking("name: 'pairs'", x="dtype: 1 tensor_shape { dim { size: 1 } dim { size: 3 } }"),
        INVALID,
        "Matrix size-incompatible",
    ),
]


@pytest.mark.parametrize(("request_", "code", "told"), ERRORS, ids=[one[2] for one in ERRORS])
def test_a_prediction_that_cannot_be_has_its_code_and_words(stub: Any, request_: Any, code: Any, told: str) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        stub.Predict(request_, timeout=10)
    assert failed.value.code() is code
    assert told in failed.value.details()


def test_a_long_text_is_cut_to_1024_bytes_with_a_mark(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        stub.Predict(asking(f"name: 'half' signature_name: '{'x' * 5000}'", x=ONE), timeout=10)
    assert len(failed.value.details()) == 1024 + len("...TRUNCATED")
    assert failed.value.details().endswith("x...TRUNCATED")


TENSORS = [
    ("dtype: 1 tensor_shape { dim { size: 3 } } float_val: 1 float_val: 3", [3.5, 4.5, 4.5]),
    ("dtype: 1 tensor_shape { dim { size: 2 } }", [3.0, 3.0]),
    ("dtype: 1 tensor_shape { dim { size: 1 } } float_val: 1 float_val: 3", [3.5]),
    ("dtype: 1 tensor_shape { dim { size: 1 } } double_val: 1", [3.0]),
    ("dtype: 1 tensor_shape { dim { size: 1 } unknown_rank: true } float_val: 1", [3.5]),
    ("dtype: 1 tensor_shape { dim { size: 1 } } float_val: 1 tensor_content: '\\0\\0\\0\\100'", [4.0]),
    ("dtype: 1 tensor_shape { dim { size: 0 } }", []),
    ("dtype: 1 float_val: 1", [3.5]),
]


@pytest.mark.parametrize(("tensor", "wanted"), TENSORS, ids=[one[0][9:] for one in TENSORS])
def test_a_tensor_is_read_as_tensorflow_reads_it(stub: Any, tensor: str, wanted: list[float]) -> None:
    answer = stub.Predict(asking("name: 'half'", x=tensor), timeout=10)
    assert list(answer.outputs["y"].float_val) == wanted
    assert answer.outputs["y"].tensor_content == b""


def test_every_type_is_answered_in_its_own_field_and_expanded(stub: Any) -> None:
    names = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64 string"
    request = asking("name: 'every' signature_name: 'echo'")
    for name in names.split():
        tensor = request.inputs[f"{name}_in"]
        tensor.dtype = tf.as_dtype(name).as_datatype_enum
        tensor.tensor_shape.dim.add(size=2)
    answer = stub.Predict(request, timeout=10)
    fields = {
        "bool_val": ["bool"],
        "int_val": ["uint8", "uint16", "int8", "int16", "int32"],
        "uint32_val": ["uint32"],
        "uint64_val": ["uint64"],
        "int64_val": ["int64"],
        "half_val": ["float16", "bfloat16"],
        "float_val": ["float32"],
        "double_val": ["float64"],
        "string_val": ["string"],
    }
    for field, types in fields.items():
        for name in types:
            found = answer.outputs[f"{name}_out"]
            assert len(getattr(found, field)) == 2
            assert found.tensor_content == b""


def test_the_filter_selects_in_any_order_and_other_fields_of_a_request_are_ignored(stub: Any) -> None:
    request = filtered("twice", "id")
    request.MergeFromString(b"\x2a\x00\x32\x01a\x3a\x00")  # fields 5 to 7
    assert set(stub.Predict(request, timeout=10).outputs) == {"twice", "id"}


def test_a_variable_that_a_signature_changes_stays_changed(stub: Any) -> None:
    request = asking("name: 'types' signature_name: 'count'", x="dtype: 9 tensor_shape { dim { size: 1 } }")
    first, second = (stub.Predict(request, timeout=10).outputs["calls"].int64_val[0] for _ in range(2))
    assert second == first + 1


def test_a_constant_is_an_output_of_a_signature_without_inputs(stub: Any) -> None:
    answer = stub.Predict(asking("name: 'every' signature_name: 'nothing'"), timeout=10)
    assert list(answer.outputs["answer"].int_val) == [42]


SPECS = [
    ("name: 'half'", 2, "serving_default"),
    ("name: 'half' version { value: 1 }", 1, "serving_default"),
    ("name: 'half' version_label: 'stable' signature_name: 'serving_default'", 1, "serving_default"),
    ("name: 'half' version_label: 'canary' signature_name: 'scalar'", 2, "scalar"),
]


@pytest.mark.parametrize(("spec", "version", "signature"), SPECS, ids=[one[0] for one in SPECS])
def test_an_answer_tells_version_and_signature_and_never_the_label(
    stub: Any, spec: str, version: int, signature: str
) -> None:
    found = stub.Predict(asking(spec, x=ONE), timeout=10).model_spec
    assert (found.name, found.version.value, found.signature_name) == ("half", version, signature)
    assert found.WhichOneof("version_choice") == "version"


def test_metadata_name_the_version_and_no_signature(stub: Any) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    text_format.Parse("name: 'half' version_label: 'stable'", request.model_spec)
    answer = stub.GetModelMetadata(request, timeout=10)
    found = answer.model_spec
    assert (found.name, found.version.value, found.signature_name) == ("half", 1, "")
    assert list(answer.metadata) == ["signature_def"]
    assert answer.metadata["signature_def"].type_url.endswith("/tensorflow.serving.SignatureDefMap")
    request.metadata_field.append("other")
    with pytest.raises(grpc.RpcError) as failed:
        stub.GetModelMetadata(request, timeout=10)
    assert (failed.value.code(), failed.value.details()) == (INVALID, "Metadata field other is not supported")


STATUS = [
    ("", INVALID, "Missing ModelSpec"),
    ("model_spec { name: 'none' }", NOT_FOUND, "Could not find any versions of model none"),
    ("model_spec { name: 'half' version { value: 7 } }", NOT_FOUND, "Could not find version 7 of model half"),
]


@pytest.mark.parametrize(("text", "code", "told"), STATUS, ids=[one[2] for one in STATUS])
def test_a_status_that_is_not_there_has_its_code_and_words(channel: Any, text: str, code: Any, told: str) -> None:
    request = text_format.Parse(text, get_model_status_pb2.GetModelStatusRequest())
    with pytest.raises(grpc.RpcError) as failed:
        model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=10)
    assert (failed.value.code(), failed.value.details()) == (code, told)


def test_a_label_in_a_question_for_the_status_is_ignored(channel: Any) -> None:
    request = text_format.Parse(
        "model_spec { name: 'half' version_label: 'none' }", get_model_status_pb2.GetModelStatusRequest()
    )
    answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=10)
    assert [(one.version, one.state) for one in answer.model_version_status] == [(2, 30), (1, 30)]


def example() -> tf.train.Example:
    return tf.train.Example()


def test_classify_wants_a_signature_that_classifies(stub: Any) -> None:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "half"
    request.model_spec.signature_name = "no"
    request.input.example_list.examples.append(example())
    with pytest.raises(grpc.RpcError) as failed:
        stub.Classify(request, timeout=10)
    assert (failed.value.code(), failed.value.details()) == (INVALID, "No signature was found with the name: no")


def test_a_multi_inference_takes_the_version_of_its_first_task(stub: Any) -> None:
    request = inference_pb2.MultiInferenceRequest()
    request.input.example_list.examples.append(example())
    for label in ("none", "stable"):
        task = request.tasks.add(method_name="tensorflow/serving/classify")
        text_format.Parse(f"name: 'half' version_label: '{label}' signature_name: '{label}'", task.model_spec)
    with pytest.raises(grpc.RpcError, match="Unrecognized servable version label: none"):
        stub.MultiInference(request, timeout=10)
    request.tasks[0].model_spec.version_label = "stable"
    with pytest.raises(grpc.RpcError, match="Requested signature not found in model graph: none"):
        stub.MultiInference(request, timeout=10)


@pytest.mark.parametrize(
    "path", ["/tensorflow.ProfilerService/Profile", "/tensorflow.serving.SessionService/SessionRun", "/none.None/No"]
)
def test_what_is_not_served_is_unimplemented(channel: Any, path: str) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(path)(b"", timeout=10)
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_health_knows_its_services_and_no_others(channel: Any) -> None:
    check = health_pb2_grpc.HealthStub(channel).Check
    for name in ("", "tensorflow.serving.ModelService", "tensorflow.serving.PredictionService"):
        assert check(health_pb2.HealthCheckRequest(service=name), timeout=10).status == 1
    with pytest.raises(grpc.RpcError) as failed:
        check(health_pb2.HealthCheckRequest(service="none"), timeout=10)
    assert failed.value.code() is NOT_FOUND


RELOADS = [
    ("", INVALID, "Only ModelConfigList is currently supported"),
    ("custom_model_config { }", INVALID, "Only ModelConfigList is currently supported"),
    ("name: 'a' base_path: '/a' model_platform: 'torch'", INVALID, "Model a requests unsupported platform torch"),
    ("name: 'a' base_path: '/a' model_platform: 'tensorflow' model_type: TENSORFLOW", INVALID, "Illegal setting both"),
    ("name: 'a' base_path: '/a'", INVALID, "Illegal setting neither"),
    (
        "name: 'a' base_path: '/a' model_platform: 'tensorflow' logging_config { }",
        INVALID,
        "No request-logger-creator provided.",
    ),
    ("name: 'a' base_path: 'a' model_platform: 'tensorflow'", INVALID, "Expected model a to have an absolute path"),
    (
        "name: 'a' base_path: '/a' model_platform: 'tensorflow' version_labels { key: 'l' value: 7 }",
        PRECONDITION,
        "Request to assign label to version 7 of model a, which is not currently available for inference",
    ),
]


@pytest.mark.parametrize(("text", "code", "told"), RELOADS, ids=[one[2] for one in RELOADS])
def test_a_configuration_that_cannot_be_is_refused_and_changes_nothing(
    many: Served, channel: Any, text: str, code: Any, told: str
) -> None:
    whole = text if text.startswith("custom") else f"model_config_list {{ config {{ {text} }} }}"
    request = text_format.Parse(f"config {{ {whole if text else ''} }}", model_management_pb2.ReloadConfigRequest())
    with pytest.raises(grpc.RpcError) as failed:
        model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(request, timeout=10)
    assert (failed.value.code(), told in failed.value.details()) == (code, True), failed.value.details()
    assert many.ask("/v1/models/half:predict", {"instances": [1]})[0] == 200


def counts(many: Served, name: str) -> dict[str, int]:
    lines = many.text("/monitoring/prometheus/metrics").splitlines()
    found = [line.removeprefix(f":tensorflow:serving:{name}").rpartition(" ") for line in lines if f":{name}{{" in line]
    return {labels: int(value) for labels, _, value in found}


def test_servings_own_metrics_have_its_names_buckets_and_form(many: Served, stub: Any) -> None:
    stub.Predict(asking("name: 'half'", x=ONE), timeout=10)
    before = counts(many, "request_count")
    stub.Predict(asking("name: 'half'", x=ONE), timeout=10)
    assert many.ask("/v1/models/half/metadata")[0] == 200
    assert many.ask("/v1/models/half")[0] == 200
    assert many.ask("/v1/models/half:predict", {"instances": ["a"]})[0] == 400
    assert many.ask("/v1/models/unheard-of:predict", {"instances": [1]})[0] == 404
    request = inference_pb2.MultiInferenceRequest()
    request.tasks.add().model_spec.name = "half"
    with pytest.raises(grpc.RpcError, match="Unsupported signature method_name"):
        stub.MultiInference(request, timeout=10)
    after = counts(many, "request_count")
    added = {labels: count - before.get(labels, 0) for labels, count in after.items() if count != before.get(labels, 0)}
    assert added == {
        '{model_name="half",status="OK"}': 3,
        '{model_name="half",status="INVALID_ARGUMENT"}': 1,
        '{model_name="",status="NOT_FOUND"}': 1,
    }
    text = many.text("/monitoring/prometheus/metrics")
    assert "# TYPE :tensorflow:serving:request_latency histogram" in text
    assert "# HELP" not in text
    series = ':tensorflow:serving:request_latency_bucket{model_name="half",API="Predict",entrypoint="GRPC",le="'
    bounds = [line.removeprefix(series).split('"')[0] for line in text.splitlines() if line.startswith(series)]
    assert bounds[:3] == ["10", "18", "32.4"]
    assert bounds[-1] == "+Inf"
    np.testing.assert_allclose([float(bound) for bound in bounds[:-1]], [10 * 1.8**k for k in range(33)], rtol=1e-5)
    assert many.text("/metrics").startswith("# HELP tfmodel_runtime_")
