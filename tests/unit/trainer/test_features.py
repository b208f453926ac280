"""Names for the features of an unnamed row: the model's answers stay, and the order of a client's values does not count."""

from pathlib import Path

import numpy as np
import pytest

from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_trainer import features, preflight
from tfmodel_trainer.errors import ExportError

ROWS = np.array([[1, 2], [3, 4], [0, -1]], np.float32)


@pytest.fixture
def named(saved_models: Path, tmp_path: Path) -> Path:
    folder = saved_models / "keras_export" / "1"
    return features.named(folder, "serving_default", ("width", "height"), tmp_path)


def test_the_signature_takes_each_feature_by_name_and_the_row_by_position(named: Path) -> None:
    model = SavedModel.load(named)
    by_name, by_position = model.signatures["serving_default"], model.signatures["serving_default_by_position"]
    assert list(by_name.inputs) == ["height", "width"]
    assert {spec.shape for spec in by_name.inputs.values()} == {(-1,)}
    wanted = model.run(by_position, {next(iter(by_position.inputs)): ROWS})
    found = model.run(by_name, {"height": ROWS[:, 1], "width": ROWS[:, 0]})
    swapped = model.run(by_name, {"height": ROWS[:, 0], "width": ROWS[:, 1]})
    assert found.keys() == wanted.keys() == {"output_0"}
    np.testing.assert_array_equal(found["output_0"], wanted["output_0"])
    assert found["output_0"].shape == swapped["output_0"].shape == (3, 1)


def test_the_order_stands_in_the_model(saved_models: Path, tmp_path: Path) -> None:
    folder = saved_models / "pairs" / "1"
    for order, wanted in ((("a", "b"), 12.0), (("b", "a"), 9.0)):
        (tmp_path / order[0]).mkdir()
        model = SavedModel.load(features.named(folder, "serving_default", order, tmp_path / order[0]))
        feeds = {"a": np.array([1], np.float32), "b": np.array([2], np.float32)}
        found = model.run(model.signatures["serving_default"], feeds)
        assert found["y"].tolist() == [wanted]


def test_a_named_model_passes_preflight_without_a_warning(named: Path) -> None:
    wanted = preflight.Wanted(smoke_request={"instances": [{"height": 1.0, "width": 2.0}]})
    assert preflight.check_model(named, wanted).warnings == ()


def test_in_python_the_row_is_found_under_its_own_name_only(named: Path) -> None:
    import tensorflow as tf

    assert sorted(tf.saved_model.load(str(named)).signatures) == ["serve_by_position", "serving_default_by_position"]


@pytest.mark.parametrize(
    ("model", "signature", "told"),
    [
        ("keras_export/1", "serving_default", "has 3 names, and signature 'serving_default' takes a row of 2 numbers"),
        ("flowers/1", "serving_default", "takes inputs PetalLength, PetalWidth, SepalLength, SepalWidth, no unnamed"),
    ],
)
def test_names_that_do_not_fit_are_refused(
    saved_models: Path, tmp_path: Path, model: str, signature: str, told: str
) -> None:
    with pytest.raises(ExportError) as caught:
        features.named(saved_models / model, signature, ("a", "b", "c"), tmp_path)
    assert caught.value.failure.reason == "FeatureNamesMismatch"
    assert told in caught.value.failure.message


def test_without_names_nothing_is_made(saved_models: Path, tmp_path: Path) -> None:
    folder = saved_models / "keras_export" / "1"
    assert features.named(folder, "serving_default", (), tmp_path) == folder
    assert list(tmp_path.iterdir()) == []
