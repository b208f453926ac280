"""Documents 000, 002, 003 and 004: MNIST with Keras and as a graph, saved, served, converted and called as they do it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contract.documents.conftest import DATA, EXAMPLES, Trained, script
from testkit.served import serving
from tfmodel.wire import messages

DIGIT = EXAMPLES / "graph-mnist" / "client" / "digit.png"


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """The test set: pixels between 0 and 1, and labels."""
    with np.load(DATA["mnist"] / "mnist.npz") as data:
        return data["x_test"] / 255.0, data["y_test"]


def signatures(version: Path) -> dict[str, tuple[str, list[str], list[str]]]:
    """Method, inputs and outputs of each signature."""
    saved = messages.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    assert list(graph.meta_info_def.tags) == ["serve"]
    return {
        name: (one.method_name, sorted(one.inputs), sorted(one.outputs))
        for name, one in graph.signature_def.items()
        if not name.startswith("__")
    }


PREDICT, CLASSIFY = "tensorflow/serving/predict", "tensorflow/serving/classify"


def classes(rows: list[list[float]]) -> list[int]:
    return [int(np.argmax(row)) for row in rows]


def test_000_keras_is_exported_with_the_names_of_the_document(
    trained: Callable[[str], Trained], tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    model = trained("keras-mnist")
    assert "(1500, 28, 28)" in model.printed
    assert signatures(model.version) == {"serving_default": (PREDICT, ["images"], ["scores"])}
    assert (model.left / "mnist_keras" / "saved_model.pb").is_file()
    pixels, labels = digits
    with serving(model.base_path, tmp_path / "log") as served:
        status, answer = served.ask("/v1/models/m:predict", {"instances": pixels[:50].tolist()})
    assert status == 200
    assert np.mean(classes(answer["predictions"]) == labels[:50]) > 0.8


def test_000_the_graph_is_exported_with_its_signature_and_table(
    trained: Callable[[str], Trained], tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    model = trained("graph-mnist")
    assert signatures(model.version) == {"predict_images": (PREDICT, ["images"], ["scores"])}
    saved = messages.SavedModel.FromString((model.version / "saved_model.pb").read_bytes())
    nodes = {node.name for node in saved.meta_graphs[0].graph_def.node}
    assert {"tf_example", "x", "y", "legacy_init_op"} <= nodes
    pixels, labels = digits
    body = {"signature_name": "predict_images", "instances": pixels[:50].reshape(50, 784).tolist()}
    with serving(model.base_path, tmp_path / "log") as served:
        status, answer = served.ask("/v1/models/m:predict", body)
    assert status == 200
    assert np.mean(classes(answer["predictions"]) == labels[:50]) > 0.8


def test_000_the_inference_service_reads_a_picture(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    model, handler = trained("graph-mnist"), EXAMPLES / "graph-mnist" / "handler.py"
    with serving(model.base_path, tmp_path / "log", f"--handler={handler}") as served:
        command = ["curl", "-s", "-F", f"images=@{DIGIT}", f"http://127.0.0.1:{served.rest_port}/"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert json.loads(told) == {"mnist_result": [5]}


def test_000_a_file_of_another_kind_is_refused_by_its_magic_number(tmp_path: Path) -> None:
    names = (
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    )
    labels = (DATA["mnist"] / names[1]).read_bytes()
    for name in names:
        (tmp_path / name).write_bytes(labels)
    code = f"import sys; sys.argv[1:] = []; sys.path[:0] = [{str(EXAMPLES / 'graph-mnist')!r}]\nimport pathlib, train\n"
    code += f"try: train.read_data_sets(pathlib.Path({str(tmp_path)!r}))\nexcept ValueError as error: print(error)"
    assert "expected magic number 2051 of MNIST images, got 2049" in script("-c", code)


def test_002_the_best_model_is_kept_logged_and_exported(
    trained: Callable[[str], Trained], tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    model = trained("callbacks")
    assert (model.left / "model" / "1" / "saved_model.pb").is_file()
    assert (model.run / "checkpoints" / "mnist.h5").is_file()
    assert list((model.run / "logs").rglob("events.out.tfevents.*"))
    assert signatures(model.version) == {"serving_default": (PREDICT, ["input"], ["output"])}
    pixels, labels = digits
    with serving(model.base_path, tmp_path / "log") as served:
        status, answer = served.ask("/v1/models/m:predict", {"inputs": {"input": pixels[:50].tolist()}})
    assert status == 200
    assert np.mean(classes(answer["outputs"]) == labels[:50]) > 0.8


def test_003_digits_are_classified_over_rest_and_grpc(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    model = trained("mlp-classify")
    assert (model.left / "models_root" / "mnist" / "1" / "saved_model.pb").is_file()
    assert signatures(model.version) == {
        "serving_default": (CLASSIFY, ["inputs"], ["classes", "scores"]),
        "predict_images": (PREDICT, ["inputs"], ["outputs"]),
    }
    assert "epoch: 0049   loss = " in model.printed
    with serving(model.base_path, tmp_path / "log") as served:
        url, target = f"http://127.0.0.1:{served.rest_port}/v1/models/m", f"127.0.0.1:{served.grpc_port}"
        told = script(EXAMPLES / "mlp-classify" / "client" / "classify.py", url, target, "m", DATA["mnist"])
    found = {line.split()[0]: line.split()[1:] for line in told.splitlines()[-3:]}
    assert found["REST"] == found["gRPC"]
    assert sum(one == two for one, two in zip(found["labels"], found["REST"], strict=True)) >= 4


def test_004_the_h5_file_is_served(
    trained: Callable[[str], Trained], tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    model = trained("mnist-cnn")
    assert (model.left / "mnist_cnn.h5").is_file()
    pixels, labels = digits
    with serving(model.base_path, tmp_path / "log") as served:
        status, answer = served.ask("/v1/models/m:predict", {"instances": pixels[:100, ..., np.newaxis].tolist()})
    assert status == 200
    assert np.mean(classes(answer["predictions"]) == labels[:100]) > 0.9


def test_004_the_tflite_file_gives_what_keras_gives(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    model, lite = trained("mnist-cnn"), tmp_path / "mnist_cnn.tflite"
    told = script(EXAMPLES / "mnist-cnn" / "client" / "lite.py", model.left / "mnist_cnn.h5", lite, DIGIT)
    lines = told.splitlines()
    assert lines[-1] == "top 5"
    found = [float(line.split()[-1]) for line in lines if line.startswith("index ")]
    with serving(model.base_path, tmp_path / "log") as served:
        from PIL import Image

        pixels = (np.asarray(Image.open(DIGIT), np.float32) / 255)[np.newaxis, ..., np.newaxis]
        _status, answer = served.ask("/v1/models/m:predict", {"instances": pixels.tolist()})
    assert found == pytest.approx(answer["predictions"][0], abs=1e-5)
    assert lite.stat().st_size > 100_000
