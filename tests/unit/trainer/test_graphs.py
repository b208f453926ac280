"""Frozen graphs, checkpoints, tags and formats: what comes out answers with the numbers that went in."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from testkit.artefacts import artefact, by_module
from tfmodel.contract import PERMANENT_FAILURE, ExportReport, ExportRequest
from tfmodel.store import layout
from tfmodel.wire import messages
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_trainer.main import run

TESTS = Path(__file__).resolve().parents[2]
SCORES = {"inputs": {"picture": "image:0"}, "outputs": {"probabilities": "scores"}}
WORDS = {"inputs": {"text": "words"}, "outputs": {"id": "ids:0"}}


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made_from = [TESTS / "testkit" / "graphs.py"]
    return artefact("graphs", made_from, by_module("testkit.graphs"), tmp_path_factory.mktemp("graphs"))


def exported(folder: Path, tmp_path: Path, **changes: Any) -> tuple[ExportReport, int]:
    request = ExportRequest(
        model="m",
        run_id="1",
        run_key="1-a",
        owner="uid",
        export_dir=str(folder),
        metrics_file=str(tmp_path / "metrics.json"),
        store=str(tmp_path / "store"),
    )
    return run(request.model_copy(update=changes).to_json())


def answered(tmp_path: Path, **inputs: Any) -> dict[str, Any]:
    model = SavedModel.load(layout.version_dir(tmp_path / "store", "m", 1))
    return dict(model.run(model.signatures["serving_default"], inputs))


def refused(folder: Path, tmp_path: Path, **changes: Any) -> tuple[str, str]:
    report, code = exported(folder, tmp_path, **changes)
    assert (code, report.failure is not None) == (PERMANENT_FAILURE, True), report
    assert report.failure is not None
    assert report.failure.hint
    return report.failure.reason, report.failure.message


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ("frozen", "Auto"),
        ("frozen/model.pb", "FrozenGraph"),
        ("checkpoint", "Auto"),
        ("checkpoint", "Checkpoint"),
    ],
)
def test_it_answers_with_the_numbers_of_the_original(graphs: Path, tmp_path: Path, place: str, wanted: str) -> None:
    report, _ = exported(graphs / place, tmp_path, source_format=wanted, **SCORES)
    assert (report.version, report.signatures) == (1, ("serving_default",)), report
    told = json.loads((graphs / "answers.json").read_text())
    found = answered(tmp_path, picture=np.array(told["fed"], np.float32))
    np.testing.assert_allclose(found["probabilities"], told["scores"], rtol=1e-6)


def test_tables_of_a_checkpoint_are_filled(graphs: Path, tmp_path: Path) -> None:
    assert exported(graphs / "checkpoint", tmp_path, source_format="Checkpoint", **WORDS)[0].version == 1
    found = answered(tmp_path, text=np.array([b"dog", b"cat", b"cow"], object))
    assert found["id"].tolist() == [8, 7, -1]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"inputs": {"x": "imag:0"}},
            "source.inputs names the tensor 'imag:0', which the graph has not; like it: image:0",
        ),
        ({"inputs": {"x": "nothing_of_it"}}, "like it: image:0"),
        (
            {"outputs": {"y": "nothing_of_it"}},
            "source.outputs names the tensor 'nothing_of_it', which the graph has not; like it: scores:0",
        ),
        ({"outputs": {"y": "scores:1"}}, "'scores' has 1 outputs"),
    ],
)
def test_a_tensor_that_is_not_there_is_named_with_those_like_it(
    graphs: Path, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    reason, message = refused(graphs / "frozen", tmp_path, **{**SCORES, **changes})
    assert (reason, told in message) == ("TensorNotFound", True), message


def test_a_graph_that_touches_files_is_refused_before_it_is_imported(graphs: Path, tmp_path: Path) -> None:
    names = {"inputs": {"x": "read/filename"}, "outputs": {"y": "read"}}
    assert refused(graphs / "reading", tmp_path, **names)[0] == "UnsafeOperation"


def test_a_graph_without_names_is_told_what_to_name(graphs: Path, tmp_path: Path) -> None:
    report, _ = exported(graphs / "frozen", tmp_path)
    assert report.failure is not None
    assert "source.inputs and source.outputs" in report.failure.hint


def test_what_is_no_graph_or_no_whole_checkpoint_is_refused(graphs: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert refused(tmp_path / "a", tmp_path, **SCORES)[0] == "SourceNotFound"
    (tmp_path / "a" / "model.pb").write_bytes(b"\xff\xff no graph")
    assert refused(tmp_path / "a", tmp_path, **SCORES)[0] == "ConversionFailed"
    (tmp_path / "a" / "other.pb").touch()
    assert refused(tmp_path / "a", tmp_path, **SCORES)[0] == "AmbiguousExport"
    shutil.copytree(graphs / "checkpoint", tmp_path / "b")
    for file in (tmp_path / "b").glob("*.data-*"):
        file.unlink()
    assert refused(tmp_path / "b", tmp_path, **SCORES)[0] == "ConversionFailed"


def test_a_graph_is_chosen_by_its_tags(saved_models: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(saved_models / "half_plus_two" / "1", tmp_path / "a"))
    saved = messages.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    saved.meta_graphs.add().CopyFrom(saved.meta_graphs[0])
    for graph, tags in zip(saved.meta_graphs, (["train"], ["gpu", "mine"]), strict=True):
        del graph.meta_info_def.tags[:]
        graph.meta_info_def.tags.extend(tags)
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    reason, message = refused(folder, tmp_path, tags=("mine",))
    assert (reason, "it has train, gpu+mine" in message) == ("BadSavedModel", True), message
    assert exported(folder, tmp_path, tags=("mine", "gpu"))[0].version == 1
    made = layout.version_dir(tmp_path / "store", "m", 1) / "saved_model.pb"
    found = messages.SavedModel.FromString(made.read_bytes())
    assert [list(graph.meta_info_def.tags) for graph in found.meta_graphs] == [["serve"]]


def test_what_is_of_another_format_does_not_count(saved_models: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(saved_models / "half_plus_two" / "1", tmp_path / "a"))
    shutil.copyfile(saved_models / "keras" / "model.keras", folder / "model.keras")
    assert refused(folder, tmp_path, source_format="HDF5")[0] == "NothingExported"
    assert refused(folder / "model.keras", tmp_path, source_format="HDF5")[0] == "NothingExported"
    assert exported(folder, tmp_path, source_format="Keras")[0].version == 1
    assert "serving_default" in exported(folder, tmp_path, source_format="Keras")[0].signatures


def test_a_lambda_layer_is_never_run(graphs: Path, tmp_path: Path) -> None:
    for name in ("lambda.keras", "lambda.h5"):
        reason, message = refused(graphs / "with_code" / name, tmp_path)
        assert (reason, "ambda" in message) == ("ConversionFailed", True), message
