"""Classify, Regress and MultiInference over both protocols: sections 4 and 8.2 of the contract."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from testkit.raw_http import ask
from testkit.served import Served, serving

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


@pytest.fixture(scope="module")
def served(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The model of_examples, with a warm-up request of each kind, answering gRPC in tensor_content."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(saved_models / "of_examples" / "1", folder / "m" / "1")
    write_warm_up(folder / "m" / "1" / "assets.extra")
    (folder / "monitoring").write_text("prometheus_config { enable: true }")
    flags = ("--saved_model_tags=serve,mine", "--enable_serialization_as_tensor_content")
    more = ("--num_request_iterations_for_warmup=2", f"--monitoring_config_file={folder / 'monitoring'}")
    with serving(folder / "m", folder / "log", *flags, *more) as found:
        yield found


def write_warm_up(folder: Path) -> None:
    logs = [prediction_log_pb2.PredictionLog() for _ in range(4)]
    logs[0].predict_log.request.model_spec.signature_name = "predict_x"
    logs[0].predict_log.request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0], tf.float32))
    logs[1].classify_log.request.input.example_list.examples.append(example(x=0.5))
    logs[2].regress_log.request.input.example_list.examples.append(example(x=0.5))
    logs[2].regress_log.request.model_spec.signature_name = "half"
    logs[3].multi_inference_log.request.CopyFrom(multi(("whatever", "half", REGRESS), ("whatever", "", CLASSIFY)))
    folder.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / "tf_serving_warmup_requests")) as writer:
        for log in logs:
            writer.write(log.SerializeToString())


@pytest.fixture(scope="module")
def stub(served: Served) -> Iterator[prediction_service_pb2_grpc.PredictionServiceStub]:
    with grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def classify(served: Served, body: Any) -> tuple[int, Any]:
    return served.ask("/v1/models/m:classify", body)


def test_classify_answers_labels_and_scores(served: Served) -> None:
    body = {"examples": [{"x": 0.25, "name": "a"}, {"x": [0.5], "name": {"b64": "Yg=="}}]}
    assert classify(served, body) == (200, {"results": [[["a", 0.25], ["other", 0.75]], [["b", 0.5], ["other", 0.5]]]})
    scores = {"signature_name": "only_scores", "examples": [{"x": 0.25}]}
    assert classify(served, scores) == (200, {"results": [[["", 0.25], ["", 0.75]]]})
    classes = {"signature_name": "only_classes", "examples": [{"x": 0.25, "name": "a"}]}
    assert classify(served, classes) == (200, {"results": [[["a", 0.0], ["other", 0.0]]]})


def test_regress_answers_numbers(served: Served) -> None:
    for name, wanted in (("half", [0.25, 1.0]), ("column", [0.5, 2.0])):
        body = {"signature_name": name, "examples": [{"x": 0.5}, {"x": 2.0}]}
        assert served.ask("/v1/models/m:regress", body) == (200, {"results": wanted})


def test_a_context_stands_behind_what_an_example_says_itself(served: Served) -> None:
    body = {"context": {"x": 0.25, "name": "context"}, "examples": [{"name": "own"}, {"x": 1.0}]}
    assert classify(served, body) == (
        200,
        {"results": [[["own", 0.25], ["other", 0.75]], [["context", 1.0], ["other", 0.0]]]},
    )


ERRORS: list[tuple[Any, str]] = [
    ({}, "key 'examples' is expected and was not found"),
    ({"examples": 1}, "Expecting 'examples' value to be an list/array"),
    ({"examples": []}, "'examples' value is an empty array"),
    ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
    ({"context": [], "examples": [{}]}, "Example must be JSON object but got JSON Array"),
    ({"examples": [{"x": [1, 2.0]}]}, "Unexpected element type in feature: x expecting type: int64"),
    ({"examples": [{"x": [1.0, "a"]}]}, "Unexpected element type in feature: x expecting type: float"),
    ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
    ({"examples": [{"x": [[1]]}]}, "Feature: x has element with unexpected JSON type: Array"),
    ({"examples": [{"x": 2**63}]}, "Feature: x has uint64_t element. Only int64_t is supported."),
    ({"examples": [{"x": 2}]}, "Data types don't match"),
    ({"examples": [{"x": []}]}, "x"),
    ({"signature_name": "no", "examples": [{"x": 1.0}]}, "No signature was found with the name: no"),
    ({"signature_name": "half", "examples": [{"x": 1.0}]}, "Expected classification signature outputs to contain"),
    ({"signature_name": "predict_x", "examples": [{"x": 1.0}]}, "No classification inputs found in SignatureDef"),
]


@pytest.mark.parametrize(("body", "told"), ERRORS, ids=[json.dumps(one[0])[:50] for one in ERRORS])
def test_what_is_no_example_is_refused(served: Served, body: Any, told: str) -> None:
    status, answer = classify(served, body)
    assert status == 400
    assert told in answer["error"]


def test_regress_wants_one_output_of_one_column(served: Served) -> None:
    status, answer = served.ask("/v1/models/m:regress", {"signature_name": "wide", "examples": [{"x": 1.0}]})
    assert (status, "[batch_size, 1] but got [1,2]" in answer["error"]) == (400, True)
    status, answer = served.ask("/v1/models/m:regress", {"examples": [{"x": 1.0}]})
    assert (status, answer["error"]) == (400, "Expected one output Tensor.")


def example(**features: Any) -> tf.train.Example:
    found = tf.train.Example()
    for name, value in features.items():
        if isinstance(value, float):
            found.features.feature[name].float_list.value.append(value)
        else:
            found.features.feature[name].bytes_list.value.append(value)
    return found


def test_classify_and_regress_over_grpc(stub: Any) -> None:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "m"
    request.input.example_list.examples.append(example(x=0.25, name=b"a"))
    answer = stub.Classify(request, timeout=10)
    assert [(one.label, one.score) for one in answer.result.classifications[0].classes] == [
        ("a", 0.25),
        ("other", 0.75),
    ]
    assert (answer.model_spec.version.value, answer.model_spec.signature_name) == (1, "serving_default")
    regression = regression_pb2.RegressionRequest()
    regression.model_spec.name, regression.model_spec.signature_name = "m", "half"
    regression.input.example_list_with_context.context.CopyFrom(example(x=4.0))
    regression.input.example_list_with_context.examples.append(example(name=b"a"))
    assert [one.value for one in stub.Regress(regression, timeout=10).result.regressions] == [2.0]


def multi(*tasks: tuple[str, str, str]) -> inference_pb2.MultiInferenceRequest:
    request = inference_pb2.MultiInferenceRequest()
    request.input.example_list.examples.append(example(x=0.5))
    for model, signature, method in tasks:
        task = request.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = model, signature
    return request


def test_multi_inference_answers_each_task_in_order(stub: Any) -> None:
    answer = stub.MultiInference(multi(("m", "half", REGRESS), ("m", "", CLASSIFY)), timeout=10)
    assert answer.results[0].regression_result.regressions[0].value == 0.25
    assert answer.results[0].model_spec.signature_name == "half"
    assert answer.results[1].classification_result.classifications[0].classes[0].score == 0.5
    assert answer.results[1].model_spec.version.value == 1


MULTI_ERRORS = [
    (multi(), grpc.StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."),
    (multi(("m", "", CLASSIFY), ("", "", CLASSIFY)), grpc.StatusCode.INVALID_ARGUMENT, "an empty model name"),
    (multi(("m", "", CLASSIFY), ("n", "", CLASSIFY)), grpc.StatusCode.INVALID_ARGUMENT, "access the same model name"),
    (multi(("m", "", CLASSIFY), ("m", "", CLASSIFY)), grpc.StatusCode.INVALID_ARGUMENT, "Duplicate evaluation"),
    (
        multi(("m", "no", CLASSIFY)),
        grpc.StatusCode.INVALID_ARGUMENT,
        "Requested signature not found in model graph: no",
    ),
    (multi(("m", "", "x")), grpc.StatusCode.UNIMPLEMENTED, "Unsupported signature method_name: x"),
    (multi(("none", "", CLASSIFY)), grpc.StatusCode.NOT_FOUND, "Latest(none)"),
]


@pytest.mark.parametrize(("request_", "code", "told"), MULTI_ERRORS, ids=[one[2] for one in MULTI_ERRORS])
def test_an_unfit_multi_inference_is_refused(stub: Any, request_: Any, code: grpc.StatusCode, told: str) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        stub.MultiInference(request_, timeout=10)
    assert failed.value.code() is code
    assert told in failed.value.details()


def test_each_kind_of_request_warms_up(served: Served) -> None:
    assert "4 warm-up requests of" in served.log()


def test_examples_are_counted_under_tensorflow_servings_own_names(served: Served) -> None:
    def told(name: str) -> int:
        text = served.text("/monitoring/prometheus/metrics")
        series = f':tensorflow:serving:{name}{{model="m"}} '
        return next((int(line.removeprefix(series)) for line in text.splitlines() if line.startswith(series)), 0)

    before = told("request_example_count_total"), told("request_example_counts_count")
    assert classify(served, {"examples": [{"x": 0.25}, {"x": 0.5}]})[0] == 200
    after = told("request_example_count_total"), told("request_example_counts_count")
    assert (after[0] - before[0], after[1] - before[1]) == (2, 1)


def test_tensors_are_answered_as_content_where_that_is_asked_for(stub: Any) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "m", "predict_x"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0, 2.0], tf.float32))
    found = stub.Predict(request, timeout=10).outputs["y"]
    assert np.frombuffer(found.tensor_content, np.float32).tolist() == [2.0, 4.0]
    assert list(found.float_val) == []


def test_bytes_that_are_no_example_are_the_clients_fault_even_if_the_text_is_no_utf_8(served: Served) -> None:
    body = b'{"signature_name": "only_scores", "inputs": [{"b64": "//79"}]}'
    head = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    found = ask(served.rest_port, head + body)
    assert (found.status, b"Could not parse example input" in found.body) == (400, True)


def test_examples_do_not_fit_an_input_of_numbers(served: Served) -> None:
    status, answer = served.ask("/v1/models/m:regress", {"signature_name": "floats", "examples": [{"x": 1.0}]})
    assert (status, answer["error"]) == (400, "Expects arg[0] to be float but string is provided")


def test_an_empty_input_is_refused(stub: Any) -> None:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "m"
    with pytest.raises(grpc.RpcError, match=r"Input is empty\."):
        stub.Classify(request, timeout=10)
    request.model_spec.signature_name = "half"
    with pytest.raises(grpc.RpcError, match="Expected classification signature outputs"):
        stub.Classify(request, timeout=10)
