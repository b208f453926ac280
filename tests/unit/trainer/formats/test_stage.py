"""Formats beside the SavedModel: made by the real converters, held against the model by each format's own interpreter."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from testkit import crashing
from tfmodel.contract import PERMANENT_FAILURE, ExportReport, ExportRequest
from tfmodel.store import layout, manifest
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_trainer.errors import ExportError
from tfmodel_trainer.formats import rows, stage, tflite
from tfmodel_trainer.formats.model import FormatError, Model, Wanted
from tfmodel_trainer.main import run

ALL = ("TFLite", "ONNX", "Keras", "HDF5", "FrozenGraph")
FILES = ["frozen_graph.pb", "model.h5", "model.keras", "model.onnx", "model.tflite"]


def exported(tmp_path: Path, **fields: Any) -> tuple[ExportReport, int]:
    request = ExportRequest(
        model="m",
        run_id="1",
        run_key="1-a",
        owner="uid",
        export_dir=str(tmp_path / "export"),
        metrics_file=str(tmp_path / "metrics.json"),
        store=str(tmp_path / "store"),
        **fields,
    )
    return run(request.to_json())


@pytest.fixture
def keras_file(saved_models: Path, tmp_path: Path) -> Path:
    (tmp_path / "export").mkdir()
    return Path(shutil.copy(saved_models / "keras" / "model.h5", tmp_path / "export"))


@pytest.mark.timeout(300)  # TensorFlow is imported three times, which takes a minute where nothing is compiled yet
def test_every_format_of_a_keras_file_is_written_checked_and_recorded(keras_file: Path, tmp_path: Path) -> None:
    names = {"feature_names": ("width", "height"), "export_digest": "1234"}
    smoke = {"instances": [{"height": 1.0, "width": 2.0}]}
    report, code = exported(tmp_path, formats=ALL, smoke_request=smoke, **names)
    assert code == 0, report
    assert [one.format for one in report.exports] == list(ALL)
    assert all(float(one.max_difference) < 1e-5 for one in report.exports)
    folder = layout.version_dir(tmp_path / "store", "m", 1)
    assert sorted(path.name for path in (folder / layout.EXPORTS).iterdir()) == FILES
    record = manifest.read(folder)
    assert (record.feature_names, record.export_digest, report.export_digest) == (("width", "height"), "1234", "1234")
    for one in record.exports:
        assert record.files[one.file].size == one.size_bytes == (folder / one.file).stat().st_size
    assert (folder / layout.EXPORTS / "model.h5").read_bytes() == keras_file.read_bytes()
    assert {"serving_default", "serving_default_by_position"} <= set(report.signatures)
    read_by_others = json.loads((folder / layout.MARK).read_text())["exports"]
    assert [one["file"] for one in read_by_others] == [one.file for one in report.exports]
    assert read_by_others[3]["maxDifference"] == 0.0


def test_a_format_that_the_model_does_not_give_fails_the_version(saved_models: Path, tmp_path: Path) -> None:
    shutil.copytree(saved_models / "half_plus_two" / "1", tmp_path / "export")
    report, code = exported(tmp_path, formats=("HDF5",))
    assert code == PERMANENT_FAILURE
    assert report.failure is not None
    assert report.failure.reason == "ExportFormatFailed"
    assert report.failure.message.startswith("export.formats HDF5: the model came as a SavedModel")
    assert "leave a .keras or .h5 file instead" in report.failure.hint
    assert layout.taken_numbers(tmp_path / "store", "m") == []


def test_operations_that_tflite_lacks_are_named(saved_models: Path, tmp_path: Path) -> None:
    path = saved_models / "prints" / "1"
    with pytest.raises(FormatError) as caught:
        tflite.write(Model(path, SavedModel.load(path).signatures["serving_default"], ()), tmp_path)
    assert caught.value.message == "the TFLite converter cannot convert it: TFLite has no StringFormat"


def test_int8_needs_rows(saved_models: Path, tmp_path: Path) -> None:
    wanted = Wanted(saved_models / "digits" / "1", "predict_images", ("TFLite",), quantization="Int8")
    with pytest.raises(ExportError, match="there is no row for Int8 to learn by"):
        stage.write(wanted, tmp_path)


def test_a_converter_that_ends_the_process_is_named(
    saved_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_write_all", crashing.kill_oneself)
    with pytest.raises(ExportError, match="ONNX: the converter ended its process"):
        stage.write(Wanted(saved_models / "half_plus_two" / "1", "serving_default", ("ONNX",)), tmp_path)


@pytest.fixture(scope="module")
def digits(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The nearest-mean model of digits, with real pictures as representative rows, from a file."""
    from sklearn.datasets import load_digits

    images = np.pad(np.kron(load_digits().images[:64], np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2))).reshape(-1, 784)
    folder = tmp_path_factory.mktemp("digits")
    np.save(folder / "images.npy", (images * (255 / 16)).astype(np.float32))
    path = saved_models / "digits" / "1"
    signature = SavedModel.load(path).signatures["predict_images"]
    found = rows.of_files(folder, signature)
    return Model(path, signature, found[:16], representative=found)


@pytest.mark.parametrize(
    ("quantization", "at_most"), [("None", 34_000), ("Float16", 18_000), ("DynamicRange", 12_000), ("Int8", 12_000)]
)
def test_quantization_makes_the_file_smaller_and_the_digit_stays(
    digits: Model, tmp_path: Path, quantization: str, at_most: int
) -> None:
    from dataclasses import replace

    model = replace(digits, quantization=quantization)
    file = tflite.write(model, tmp_path)
    assert file.stat().st_size <= at_most
    served = SavedModel.load(model.saved_model)
    wanted = [served.run(model.signature, row)["scores"].argmax() for row in model.samples]
    found = [answer["scores"].argmax() for answer in tflite.answers(model, file)]
    assert sum(one == two for one, two in zip(found, wanted, strict=True)) >= len(wanted) - 1


def test_the_difference_is_the_largest_of_all_outputs_and_rows() -> None:
    one, two = {"y": np.array([1.0, 2.0]), "n": np.array([3])}, {"y": np.array([1.0, 2.5]), "n": np.array([3])}
    assert stage.difference([one, one], [one, two]) == 0.5
    assert stage.difference([one], [one]) == 0.0


def test_nan_where_the_model_has_none_is_infinitely_far() -> None:
    nan = {"y": np.array([np.nan])}
    assert stage.difference([{"y": np.array([1.0])}], [nan]) == np.inf
    assert stage.difference([nan], [nan]) == 0.0


@pytest.mark.parametrize(
    ("found", "told"), [({}, "its output y is missing"), ({"y": np.zeros(2)}, "has shape [2], expected [1]")]
)
def test_an_output_of_another_shape_is_no_answer(found: dict[str, Any], told: str) -> None:
    with pytest.raises(FormatError) as caught:
        stage.difference([{"y": np.zeros(1)}], [found])
    assert told in caught.value.message
