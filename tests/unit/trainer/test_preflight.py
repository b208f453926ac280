"""What good and bad SavedModels are told before they may serve."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tfmodel.wire import messages
from tfmodel_trainer import preflight
from tfmodel_trainer.errors import ExportError

GOOD = (
    "half_plus_two",
    "flowers",
    "types",
    "graph",
    "with_defaults",
    "digits",
    "every_type",
    "keras_export",
    "prints",
)
BAD = {
    "reads_files": ("UnsafeOperation", "touch files: ReadFile"),
    "reads_files_in_a_loop": ("UnsafeOperation", "touch files: ReadFile"),
    "writes_files": ("UnsafeOperation", "touch files: WriteFile"),
    "lists_files": ("UnsafeOperation", "touch files: MatchingFiles"),
    "runs_python": ("UnsafeOperation", "run Python code of the training: EagerPyFunc"),
    "runs_numpy": ("UnsafeOperation", "run Python code of the training: PyFunc"),
}


def folder_of(saved_models: Path, name: str) -> Path:
    return next(path.parent for path in sorted((saved_models / name).rglob("saved_model.pb")))


def refusal(folder: Path, **wanted: Any) -> tuple[str, str]:
    with pytest.raises(ExportError) as caught:
        preflight.check_model(folder, preflight.Wanted(**wanted))
    assert caught.value.failure.hint
    return caught.value.failure.reason, caught.value.failure.message


@pytest.mark.parametrize("name", GOOD)
def test_a_good_model_passes(saved_models: Path, name: str) -> None:
    folder = folder_of(saved_models, name)
    found = preflight.check_model(folder, preflight.Wanted(signature_in(folder)))
    assert found.signatures
    assert found.operations == ()


def signature_in(folder: Path) -> str:
    saved = messages.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    names = [name for name in saved.meta_graphs[0].signature_def if not name.startswith("__")]
    return "serving_default" if "serving_default" in names else min(names)


@pytest.mark.parametrize("name", BAD)
def test_a_model_that_reaches_out_is_refused_before_it_is_loaded(saved_models: Path, name: str) -> None:
    reason, told = BAD[name]
    found = refusal(folder_of(saved_models, name))
    assert (found[0], told in found[1]) == (reason, True), found


def test_an_operation_can_be_allowed_by_its_name(saved_models: Path) -> None:
    folder = folder_of(saved_models, "writes_files")
    found = preflight.check_model(folder, preflight.Wanted(allowed_operations=("WriteFile",)))
    assert found.operations == ("WriteFile",)


@pytest.fixture
def copy(saved_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder_of(saved_models, "half_plus_two"), tmp_path / "model"))


def test_a_custom_operation_is_named(copy: Path) -> None:
    saved = messages.SavedModel.FromString((copy / "saved_model.pb").read_bytes())
    saved.meta_graphs[0].graph_def.library.function[0].node_def.add(name="mine", op="OurOwnKernel")
    (copy / "saved_model.pb").write_bytes(saved.SerializeToString())
    assert refusal(copy)[0] == "UnknownOperation"
    assert "OurOwnKernel" in refusal(copy)[1]


def test_a_graph_under_another_tag_is_not_found(saved_models: Path) -> None:
    reason, told = refusal(folder_of(saved_models, "of_examples"))
    assert (reason, "matching supplied tags: { serve }" in told) == ("BadSavedModel", True)


def test_what_is_no_saved_model_is_refused(copy: Path) -> None:
    (copy / "saved_model.pb").write_bytes(b"\xff\xff no protobuf")
    assert refusal(copy)[0] == "BadSavedModel"
    (copy / "saved_model.pb").write_bytes(b"")
    assert refusal(copy)[0] == "BadSavedModel"


def test_missing_variables_are_refused(copy: Path) -> None:
    shutil.rmtree(copy / "variables")
    assert refusal(copy)[0] in ("BadSavedModel", "WarmupFailed")


def test_a_cut_variables_file_is_refused(copy: Path) -> None:
    data = next((copy / "variables").glob("*.data-*"))
    data.write_bytes(data.read_bytes()[:3])
    assert refusal(copy)[0] == "BadSavedModel"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"instances": [1.0]}, ""),
        ({"inputs": {"x": [1.0, 2.0]}}, ""),
        ({"instances": ["text"]}, "smokeRequest"),
        ({"instances": [1.0], "signature_name": "none"}, "there is no signature 'none'"),
        ({}, "Missing 'inputs' or 'instances' key"),
    ],
)
def test_the_smoke_request_is_asked_as_a_client_would(copy: Path, body: dict[str, Any], told: str) -> None:
    if not told:
        preflight.check_model(copy, preflight.Wanted(smoke_request=body))
        return
    reason, message = refusal(copy, smoke_request=body)
    assert (reason, told in message) == ("SmokeRequestFailed", True), message


def test_features_that_are_fed_by_position_are_warned_of(saved_models: Path) -> None:
    found = preflight.check_model(folder_of(saved_models, "keras_export"), preflight.Wanted())
    assert any("takes its features by position: clients that send" in told for told in found.warnings), found.warnings
    assert preflight.check_model(folder_of(saved_models, "flowers"), preflight.Wanted()).warnings == ()
