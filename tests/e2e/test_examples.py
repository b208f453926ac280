"""The examples that need a cluster's volumes."""

import json
import urllib.request
from pathlib import Path
from typing import Any

from testkit.kubectl import Namespace

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DIGITS = EXAMPLES / "digits"
OF_THE_DOCUMENTS = ("graph-mnist", "iris-estimator", "callbacks", "mlp-classify", "mnist-cnn")
MOST_MISREAD = 1


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


def test_an_example_of_each_document_is_trained_and_answers(namespace: Namespace) -> None:
    for data in (EXAMPLES / "mnist-data" / "configmap.yaml", EXAMPLES / "iris" / "configmap.yaml"):
        namespace.kubectl("apply", "--server-side", "-f", str(data))
    for name in OF_THE_DOCUMENTS:
        namespace.kubectl("apply", "-f", str(EXAMPLES / name))
    for name in OF_THE_DOCUMENTS:
        namespace.wait_ready(name, 400)
    for name in OF_THE_DOCUMENTS:
        wanted = json.loads((EXAMPLES / name / "client" / "response.json").read_text())
        (labels,) = ([one if isinstance(one, int) else one[0] for one in rows] for rows in wanted.values())
        with namespace.port_forward(f"service/{name}", 8501) as port:
            url = f"http://127.0.0.1:{port}/v1/models/{name}:predict"
            body = (EXAMPLES / name / "client" / "request.json").read_bytes()
            with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as answer:
                found = classes_of(json.load(answer))
        if name == "mnist-cnn":
            assert_exported(namespace, name)
        misread = sum(one != two for one, two in zip(found, labels, strict=True))
        assert misread <= MOST_MISREAD, (name, found, labels)


def assert_exported(namespace: Namespace, name: str) -> None:
    """The formats of document 004 stand in status, each checked; TensorFlow.js from the image that has it."""
    exports = {one["format"]: one for one in namespace.status(name)["versions"][0]["exports"]}
    assert set(exports) == {"TFLite", "TFJS"}
    assert all(float(one["maxDifference"]) <= 1e-5 and one["sizeBytes"] > 100_000 for one in exports.values())
    assert exports["TFJS"]["file"] == "assets.extra/exports/tfjs/model.json"


def classes_of(answer: dict[str, Any]) -> list[int]:
    """The class of each row: told as such, or the place of the highest probability."""
    rows = answer.get("predictions") or answer["outputs"]
    if isinstance(rows[0], dict):
        return [row["class_ids"][0] for row in rows]
    return [max(range(len(row)), key=row.__getitem__) for row in rows]
