"""Document 004, web: the model that was exported for TensorFlow.js, on the example's page in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contract.documents.conftest import DATA, Trained, script
from testkit.web_page import digits, told_by_page

COUNT = 20
KERAS = """
import json, sys
import keras, numpy as np
pixels = np.load(sys.argv[2])["x_test"][:int(sys.argv[3])].astype("float32")[..., np.newaxis] / 255
print(json.dumps(keras.models.load_model(sys.argv[1]).predict(pixels, verbose=0).tolist()))
"""


def test_004_the_page_in_a_browser_gives_what_keras_gives(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    model = trained("mnist-cnn")
    told = told_by_page(model.version / "assets.extra" / "exports" / "tfjs", digits(COUNT), tmp_path)
    keras = json.loads(script("-c", KERAS, model.left / "mnist_cnn.h5", DATA["mnist"] / "mnist.npz", str(COUNT)))
    assert np.array(told["answers"]) == pytest.approx(np.array(keras), abs=1e-5)
    assert told["shown"] == str(np.argmax(keras[0]))
    for drawn in np.array(told["drawn"]).reshape(-1, 28, 28):
        rows, columns = (np.flatnonzero(drawn.max(axis=axis) > 64) for axis in (1, 0))
        assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
        assert abs(rows.min() + rows.max() - 27) <= 2
        assert abs(columns.min() + columns.max() - 27) <= 2
