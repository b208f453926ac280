"""Several models, labels, reconfiguration, warm-up requests: sections 8.3, 9, 10 and 13 of the contract."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from testkit.served import Served, serving

ONE = {"instances": [1.0]}


@pytest.fixture
def base(saved_models: Path, tmp_path: Path) -> Path:
    """Versions 1 (half plus two) and 2 (half plus three)."""
    found = tmp_path / "half"
    shutil.copytree(saved_models / "half_plus_two" / "1", found / "1")
    shutil.copytree(saved_models / "half_plus_three" / "2", found / "2")
    return found


def config(*models: str) -> str:
    return "model_config_list { " + " ".join(f"config {{ {model} }}" for model in models) + " }"


def model(name: str, base: Path, more: str = "") -> str:
    return f'name: "{name}" base_path: "{base}" model_platform: "tensorflow" {more}'


ALL = "model_version_policy { all { } }"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "models.config"


@pytest.fixture
def start(file: Path, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    opened: list[Any] = []

    def begin(text: str, *flags: str) -> Served:
        file.write_text(text)
        context = serving(
            tmp_path / "ignored",
            tmp_path / "log",
            f"--model_config_file={file}",
            "--model_config_file_poll_wait_seconds=0.1",
            *flags,
        )
        opened.append(context)
        return context.__enter__()

    yield begin
    for context in opened:
        context.__exit__(None, None, None)


def until(check: Callable[[], Any]) -> Any:
    for _ in range(200):
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never came true")


def answer(served: Served, path: str) -> Any:
    status, body = served.ask(f"/v1/models/{path}:predict", ONE)
    return body["predictions"][0] if status == 200 else status


def test_several_models_with_policies_and_labels(start: Callable[..., Served], base: Path, saved_models: Path) -> None:
    labelled = f"{ALL} version_labels {{ key: 'stable' value: 1 }} version_labels {{ key: 'canary', value: 2 }}"
    served = start(
        "# a comment\n" + config(model("team/half", base, labelled), model("other", saved_models / "half_plus_two"))
    )
    assert answer(served, "team%2Fhalf") == 3.5
    assert answer(served, "team%2Fhalf/labels/stable") == 2.5
    assert answer(served, "team%2Fhalf/labels/canary") == 3.5
    assert answer(served, "team%2Fhalf/labels/none") == 400
    assert answer(served, "other") == 2.5


def test_a_label_moves_when_its_version_is_available(start: Callable[..., Served], base: Path, file: Path) -> None:
    shutil.move(base / "2", base.parent / "later")
    labels = "version_labels { key: 'stable' value: %d }"
    served = start(config(model("m", base, f"{ALL} {labels % 1}")))
    file.write_text(config(model("m", base, f"{ALL} {labels % 2}")))
    until(lambda: "has changed" in served.log())
    assert answer(served, "m/labels/stable") == 2.5
    shutil.move(base.parent / "later", base / "2")
    until(lambda: answer(served, "m/labels/stable") == 3.5)


def test_a_new_file_adds_and_takes_away_and_a_broken_one_changes_nothing(
    start: Callable[..., Served], base: Path, file: Path
) -> None:
    served = start(config(model("a", base)))
    file.write_text("model_config_list { nonsense")
    until(lambda: "cannot be used" in served.log())
    assert answer(served, "a") == 3.5
    file.write_text(config(model("b", base, "model_version_policy { specific { versions: 1 } }")))
    until(lambda: answer(served, "b") == 2.5)
    until(lambda: answer(served, "a") == 404)
    until(lambda: [one["state"] for one in served.ask("/v1/models/a")[1]["model_version_status"]] == ["END"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "Error parsing text-format"),
        (config('name: "m" base_path: "relative" model_platform: "tensorflow"'), "to have an absolute path"),
        (config('name: "m" base_path: "s3://b/m" model_platform: "tensorflow"'), "only absolute paths"),
        (config('name: "m" base_path: "/m"'), "Illegal setting neither"),
        (config('name: "m" base_path: "/m" model_platform: "torch"'), "requests unsupported platform torch"),
        (config(*['name: "m" base_path: "/m" model_platform: "tensorflow"'] * 2), "Illegal to list model m multiple"),
        ("custom_model_config { }", "Only ModelConfigList is currently supported"),
    ],
)
def test_a_file_that_cannot_be_used_ends_the_start(
    start: Callable[..., Served], tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(AssertionError):
        start(text)
    assert told in (tmp_path / "log").read_text()


def reload(served: Served, text: str, *metrics: str) -> Any:
    wanted = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    request = model_management_pb2.ReloadConfigRequest(config=wanted, metric_names=metrics)
    with grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel:
        return model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(request, timeout=30)


def test_a_reload_request_answers_when_new_models_can_be_used(
    start: Callable[..., Served], base: Path, saved_models: Path
) -> None:
    served = start(config(model("a", base)))
    found = reload(
        served,
        config(model("a", base), model("b", saved_models / "half_plus_two")),
        "/tensorflow/serving/request_count",
    )
    assert found.status.error_code == 0
    assert [(one.name, one.int64_value_increase) for one in found.metric] == [("/tensorflow/serving/request_count", 0)]
    assert answer(served, "b") == 2.5
    reload(served, config(model("b", saved_models / "half_plus_two")))
    until(lambda: answer(served, "a") == 404)


def test_a_reload_request_waits_for_new_models_until_its_deadline(start: Callable[..., Served], base: Path) -> None:
    served = start(config(model("a", base)))
    text = config(model("broken", Path("/proc/self")))
    wanted = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    request = model_management_pb2.ReloadConfigRequest(config=wanted)
    with grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel, pytest.raises(grpc.RpcError) as failed:
        model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(request, timeout=2)
    assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_new_model_that_does_not_load_is_named(start: Callable[..., Served], base: Path, tmp_path: Path) -> None:
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "saved_model.pb").write_bytes(b"no graph")
    served = start(config(model("a", base)), "--max_num_load_retries=0")
    with pytest.raises(
        grpc.RpcError, match=r"1 model\(s\) did not become available: \{\{broken due to error"
    ) as failed:
        reload(served, config(model("a", base), model("broken", tmp_path / "broken")))
    assert failed.value.code() is grpc.StatusCode.UNKNOWN
    assert answer(served, "a") == 3.5


def test_an_input_that_is_left_out_has_its_default(saved_models: Path, tmp_path: Path) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.array([1, 2], np.float32)))
    with (
        serving(saved_models / "with_defaults", tmp_path / "log") as served,
        grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel,
    ):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        assert list(stub.Predict(request, timeout=10).outputs["y"].float_val) == [2.0, 4.0]
        del request.inputs["x"]
        with pytest.raises(grpc.RpcError, match="Signature input alias: x"):
            stub.Predict(request, timeout=10)


def warm_up_file(folder: Path, value: float, *, count: int = 1, kind: str = "predict_log") -> None:
    log = prediction_log_pb2.PredictionLog()
    request = getattr(log, kind).request
    request.model_spec.name = "whatever"
    if kind == "predict_log":
        request.inputs["x"].CopyFrom(tf.make_tensor_proto([value], tf.float32))
    (folder / "assets.extra").mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as writer:
        for _ in range(count):
            writer.write(log.SerializeToString())


def test_warm_up_requests_are_sent_before_a_version_is_available(base: Path, tmp_path: Path) -> None:
    warm_up_file(base / "2", 1.0, count=3)
    with serving(base, tmp_path / "log") as served:
        assert "3 warm-up requests" in served.log()


@pytest.mark.parametrize("damage", ["bad record", "bad request", "unreplayable", "too many", "cut"])
def test_a_warm_up_that_fails_fails_the_load_and_the_version_before_serves(
    base: Path, tmp_path: Path, damage: str
) -> None:
    kinds = {"unreplayable": "session_run_log"}
    counts = {"too many": 1001}
    warm_up_file(base / "2", 1.0, count=counts.get(damage, 1), kind=kinds.get(damage, "predict_log"))
    file = base / "2" / "assets.extra" / "tf_serving_warmup_requests"
    if damage == "bad record":
        file.write_bytes(bytes([*file.read_bytes()[:-1], 0]))
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-9])
    if damage == "bad request":
        with tf.io.TFRecordWriter(str(file)) as writer:
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.inputs["z"].CopyFrom(tf.make_tensor_proto([1.0]))
            writer.write(log.SerializeToString())
    later = base.parent / "later"
    shutil.move(base / "2", later)
    with serving(base, tmp_path / "log", "--max_num_load_retries=0") as served:
        shutil.move(later, base / "2")
        until(lambda: "cannot load version 2" in served.log())
        until(lambda: served.ask("/v1/models/m")[1]["model_version_status"][0]["state"] == "END")
        assert served.ask("/v1/models/m:predict", ONE) == (200, {"predictions": [2.5]})
    if damage == "too many":
        with serving(base, tmp_path / "log2", "--enable_model_warmup=false") as served:
            assert served.ask("/v1/models/m:predict", ONE) == (200, {"predictions": [3.5]})


def test_tensorflow_servings_own_metrics(start: Callable[..., Served], base: Path, tmp_path: Path) -> None:
    monitoring = tmp_path / "monitoring.config"
    monitoring.write_text('prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }')
    served = start(config(model("a", base)), f"--monitoring_config_file={monitoring}")
    assert answer(served, "a") == 3.5
    assert answer(served, "unheard-of") == 404
    assert served.ask("/v1/models/a/metadata")[0] == 200
    text = served.text("/monitoring/prometheus/metrics")
    assert "# TYPE :tensorflow:serving:request_count counter" in text
    assert ':tensorflow:serving:request_count{model_name="a",status="OK"} 2' in text
    assert ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 1' in text
    assert ':tensorflow:serving:request_latency_bucket{model_name="a",API="predict",entrypoint="REST",le="18"}' in text
    assert ':tensorflow:serving:request_latency_count{model_name="a",API="predict",entrypoint="REST"} 1' in text
    assert ':tensorflow:serving:runtime_latency_count{model_name="a",API="Predict",runtime="TF1"} 1' in text
