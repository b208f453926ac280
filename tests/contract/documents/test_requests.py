"""Each example's own request, put to the version that its manifest published, is answered as its response says.

The response of a digits' model holds the true labels. Their manifests promise 0.85 and more, so one digit of five may be misread:
the softmax regression takes the second, a 1, for a 6.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contract.documents.conftest import EXAMPLES, Trained
from testkit.served import serving

MNIST = ("keras-mnist", "graph-mnist", "callbacks", "mlp-classify", "mnist-cnn")


def answers(model: Trained, log: Path) -> list:
    """Predictions for client/request.json, row by row."""
    body = (EXAMPLES / model.example / "client" / "request.json").read_bytes()
    with serving(model.base_path, log) as served:
        status, answer = served.ask("/v1/models/m:predict", body)
    assert status == 200, answer
    return answer["predictions"]


def wanted(example: str) -> dict[str, list]:
    return json.loads((EXAMPLES / example / "client" / "response.json").read_text())


@pytest.mark.parametrize("example", MNIST)
def test_a_digits_model_recognises_the_digits_of_its_request(
    trained: Callable[[str], Trained], tmp_path: Path, example: str
) -> None:
    rows = answers(trained(example), tmp_path / "log")
    labels = wanted(example)["classes"]
    assert len(rows) == len(labels)
    assert np.sum(np.argmax(rows, axis=1) == labels) >= len(labels) - 1
    assert np.sum(rows, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-4)


def test_the_flowers_of_the_document_get_their_classes(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    rows = answers(trained("iris-estimator"), tmp_path / "log")
    assert [row["class_ids"] for row in rows] == wanted("iris-estimator")["class_ids"] == [[0], [1], [2]]
