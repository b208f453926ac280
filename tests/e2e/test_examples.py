"""The examples that need a cluster's volumes."""

import base64
import io
import json
import re
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from testkit.kubectl import KubectlError, Namespace
from testkit.web_page import digits, told_by_page

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DIGITS = EXAMPLES / "digits"
OF_THE_DOCUMENTS = ("graph-mnist", "iris-estimator", "callbacks", "mlp-classify", "mnist-cnn")
MOST_MISREAD = 1
PICTURES = 20
TENSORBOARD = EXAMPLES / "callbacks" / "client" / "tensorboard.yaml"
FORMATS = {
    "TFLite": "assets.extra/exports/model.tflite",
    "TFJS": "assets.extra/exports/tfjs/model.json",
    "ONNX": "assets.extra/exports/model.onnx",
    "Keras": "assets.extra/exports/model.keras",
    "HDF5": "assets.extra/exports/model.h5",
    "FrozenGraph": "assets.extra/exports/frozen_graph.pb",
}
OPTIMIZATION = re.compile(r"tfmodel_runtime_version_optimization_info\{(.*)\} 1\.0")
# What was asked for, and what may come of it, with its reason.
USED = {
    "mnist-cnn": ("Graph", {("Graph", ""), ("None", "NotFaster")}),
    "callbacks": ("XLA", {("XLA", ""), ("Graph", "NotFaster"), ("None", "NotFaster")}),
}


def test_digits_are_trained_from_a_volume_and_recognised(namespace: Namespace) -> None:
    namespace.kubectl("apply", "-f", str(DIGITS))
    namespace.wait_ready("digits", 300)
    body = (DIGITS / "client" / "request.json").read_bytes()
    wanted = json.loads((DIGITS / "client" / "response.json").read_text())
    with namespace.port_forward("service/digits", 8501) as port:
        url = f"http://127.0.0.1:{port}/v1/models/digits:predict"
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as answer:
            found = json.load(answer)
    classes = [max(range(10), key=row.__getitem__) for row in found["predictions"]]
    assert classes == wanted["classes"]


def test_an_example_of_each_document_is_trained_and_answers(namespace: Namespace, tmp_path: Path) -> None:
    for data in (EXAMPLES / "mnist-data" / "configmap.yaml", EXAMPLES / "iris" / "configmap.yaml"):
        namespace.kubectl("apply", "--server-side", "-f", str(data))
    for name in OF_THE_DOCUMENTS:
        namespace.kubectl("apply", "-f", str(EXAMPLES / name / "configmap.yaml"))
        namespace.apply(manifest(name))
    namespace.kubectl("apply", "-f", str(TENSORBOARD))
    for name in OF_THE_DOCUMENTS:
        namespace.wait_ready(name, 400)
    for name in OF_THE_DOCUMENTS:
        with namespace.port_forward(f"service/{name}", 8501) as port:
            assert_answers(name, f"http://127.0.0.1:{port}")
            if name in USED:
                assert_runs_optimised(namespace, name, f"http://127.0.0.1:{port}/metrics")
    assert_exported(namespace, "mnist-cnn")
    assert_answers_in_a_browser(namespace, "mnist-cnn", tmp_path)
    assert_shows_the_logs(namespace)
    with pytest.raises(KubectlError, match=r"optimize: TensorFlow has had no TensorRT since 2\.18"):
        namespace.patch_spec("mnist-cnn", {"serving": {"optimize": "TensorRT"}})


def manifest(name: str) -> dict[str, Any]:
    """The example's TFModel, here with every format and with XLA where the test asks for them."""
    found: dict[str, Any] = yaml.safe_load((EXAMPLES / name / "tfmodel.yaml").read_text())
    if name == "mnist-cnn":
        found["spec"]["export"]["formats"] = list(FORMATS)
    if name in USED and USED[name][0] != "Graph":
        found["spec"].setdefault("serving", {})["optimize"] = USED[name][0]
    return found


def assert_answers(name: str, url: str) -> None:
    wanted = json.loads((EXAMPLES / name / "client" / "response.json").read_text())
    (labels,) = ([one if isinstance(one, int) else one[0] for one in rows] for rows in wanted.values())
    body = (EXAMPLES / name / "client" / "request.json").read_bytes()
    found = classes_of(json.loads(asked(urllib.request.Request(f"{url}/v1/models/{name}:predict", body))))
    misread = sum(one != two for one, two in zip(found, labels, strict=True))
    assert misread <= MOST_MISREAD, (name, found, labels)


def assert_exported(namespace: Namespace, name: str) -> None:
    """Every format stands in status and in the version's record, with the size of its file, each checked."""
    exports = {one["format"]: one for one in namespace.status(name)["versions"][0]["exports"]}
    assert {one["format"]: one["file"] for one in exports.values()} == FORMATS
    assert all(float(one["maxDifference"]) <= 1e-5 and one["sizeBytes"] > 100_000 for one in exports.values())
    folder = f"/models/{name}/1/assets.extra"
    record, *sizes = namespace.kubectl(
        *("exec", f"deployment/{name}", "--", "sh", "-c"),
        f"cat {folder}/tfmodel.json; echo; cd {folder}/exports && du -b *.* && du -bc tfjs/* | tail -1",
    ).rsplit("\n", len(FORMATS) + 1)[:-1]
    assert {one["format"]: one["sizeBytes"] for one in json.loads(record)["exports"]} == {
        one["format"]: one["sizeBytes"] for one in exports.values()
    }
    assert {int(size.split()[0]) for size in sizes} == {one["sizeBytes"] for one in exports.values()}


def assert_answers_in_a_browser(namespace: Namespace, name: str, folder: Path) -> None:
    """What the export step wrote for TensorFlow.js, on the example's page in a browser, gives what the runtime pod gives."""
    pictures = digits(PICTURES)
    told = told_by_page(
        copied(namespace, name, f"/models/{name}/1/assets.extra/exports/tfjs", folder), pictures, folder
    )
    body = json.dumps({"instances": (pictures[..., np.newaxis] / 255).tolist()}).encode()
    with namespace.port_forward(f"service/{name}", 8501) as port:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/models/{name}:predict", body)
        served = np.array(json.loads(asked(request))["predictions"])
    assert np.array(told["answers"]) == pytest.approx(served, abs=1e-5)
    assert told["shown"] == str(served[0].argmax())


def copied(namespace: Namespace, name: str, source: str, folder: Path) -> Path:
    """A folder of a model's volume, read in its runtime pod, copied into a folder here."""
    text = namespace.kubectl("exec", f"deployment/{name}", "--", "sh", "-c", f"tar -C {source} -c . | base64")
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text))) as archive:
        archive.extractall(folder / "copied", filter="data")
    return folder / "copied"


def assert_runs_optimised(namespace: Namespace, name: str, url: str) -> None:
    """The pod tells what the version runs on: what was asked for, or why not. XLA is kept only where it is faster."""
    found = namespace.wait_until(lambda: OPTIMIZATION.search(asked(url)), f"{name} tells what it runs on", 90)
    told = dict(re.findall(r'(\w+)="([^"]*)"', found[1]))
    assert (told["model"], told["version"]) == (name, "1")
    assert (told["used"], told["reason"]) in USED[name][1], told


def assert_shows_the_logs(namespace: Namespace) -> None:
    namespace.kubectl("wait", "--for=condition=Ready", "pod/callbacks-tensorboard", "--timeout=120s")
    key = namespace.status("callbacks")["training"]["runKey"]
    runs = {f"{key}/logs/train"}
    with namespace.port_forward("pod/callbacks-tensorboard", 6006) as port:
        namespace.wait_until(
            lambda: set(json.loads(asked(f"http://127.0.0.1:{port}/data/runs"))) == runs,
            "TensorBoard shows the training",
            60,
        )
        tags = json.loads(asked(f"http://127.0.0.1:{port}/data/plugin/timeseries/tags"))
    assert "epoch_loss" in json.dumps(tags)


def asked(request: urllib.request.Request | str) -> str:
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


def classes_of(answer: dict[str, Any]) -> list[int]:
    """The class of each row: told as such, or the place of the highest probability."""
    rows = answer.get("predictions") or answer["outputs"]
    if isinstance(rows[0], dict):
        return [row["class_ids"][0] for row in rows]
    return [max(range(len(row)), key=row.__getitem__) for row in rows]
