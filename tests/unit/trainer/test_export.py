"""The export step: from what a training left to a published version, or to a reason."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from testkit import crashing
from tfmodel.contract import PERMANENT_FAILURE, RETRIABLE_FAILURE, ExportReport, ExportRequest
from tfmodel.store import layout, manifest, publish
from tfmodel.wire import messages
from tfmodel_trainer import preflight
from tfmodel_trainer.main import main, run


@pytest.fixture
def exported(saved_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved_models / "half_plus_two" / "1", tmp_path / "export"))


def a_request(tmp_path: Path, **changes: Any) -> str:
    request = ExportRequest(
        model="m",
        run_id="1",
        run_key="1-a",
        owner="uid",
        export_dir=str(tmp_path / "export"),
        metrics_file=str(tmp_path / "metrics.json"),
        store=str(tmp_path / "store"),
    )
    return request.model_copy(update=changes).to_json()


def refused(request: str, code: int = PERMANENT_FAILURE) -> tuple[str, str]:
    report, found = run(request)
    assert found == code
    assert report.failure is not None
    assert report.failure.hint
    return report.failure.reason, report.failure.message


def test_a_saved_model_becomes_version_1(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"accuracy": 0.97}')
    report, code = run(a_request(tmp_path, thresholds={"accuracy": ">=0.9"}, params={"epochs": "3"}))
    assert (code, report.version, report.stored_versions, report.metrics) == (0, 1, (1,), {"accuracy": "0.97"})
    record = manifest.read(tmp_path / "store" / "m" / "1")
    assert record.params == {"epochs": "3"}
    assert record.signatures["serving_default"]["inputs"]["x"] == {"dtype": "float", "shape": [-1]}
    assert report.digest == record.digest
    assert exported.is_dir()


def test_the_same_run_publishes_once(exported: Path, tmp_path: Path) -> None:
    first, second = run(a_request(tmp_path))[0], run(a_request(tmp_path))[0]
    assert first == second
    assert layout.complete_versions(tmp_path / "store", "m") == [1]


def test_old_versions_are_pruned_and_protected_ones_kept(exported: Path, tmp_path: Path) -> None:
    for number in range(1, 5):
        report, _ = run(a_request(tmp_path, run_key=f"{number}-a", keep_versions=1, protected_versions=(1,)))
    assert report.stored_versions == (1, 4)


@pytest.mark.parametrize("place", ["", "1", "nested"])
def test_a_saved_model_is_found_where_trainers_leave_it(saved_models: Path, tmp_path: Path, place: str) -> None:
    shutil.copytree(saved_models / "half_plus_two" / "1", tmp_path / "export" / place)
    assert run(a_request(tmp_path))[0].version == 1


def test_of_numbered_folders_the_highest_counts(saved_models: Path, tmp_path: Path) -> None:
    shutil.copytree(saved_models / "half_plus_two" / "1", tmp_path / "export" / "9")
    shutil.copytree(saved_models / "types" / "1", tmp_path / "export" / "10")
    report, _ = run(a_request(tmp_path, signature="text"))
    assert report.version == 1


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_keras_file_is_converted(saved_models: Path, tmp_path: Path, ending: str) -> None:
    (tmp_path / "export").mkdir()
    shutil.copyfile(saved_models / "keras" / f"model.{ending}", tmp_path / "export" / f"model.{ending}")
    report, code = run(a_request(tmp_path))
    assert (code, report.version) == (0, 1), report
    assert "serving_default" in report.signatures


def test_nothing_is_named_as_nothing(tmp_path: Path) -> None:
    assert refused(a_request(tmp_path))[0] == "NothingExported"
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "weights.txt").touch()
    reason, message = refused(a_request(tmp_path))
    assert (reason, "weights.txt" in message) == ("NothingExported", True)


def test_several_models_are_named(saved_models: Path, exported: Path, tmp_path: Path) -> None:
    (exported / "saved_model.pb").unlink()
    for name in ("a", "b"):
        shutil.copytree(saved_models / "half_plus_two" / "1", exported / name)
    reason, message = refused(a_request(tmp_path))
    assert (reason, "a, b" in message) == ("AmbiguousExport", True)


def test_a_file_that_is_no_keras_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "model.keras").write_bytes(b"no zip")
    assert refused(a_request(tmp_path))[0] == "ConversionFailed"


def test_a_truncated_variables_file_is_a_bad_saved_model(exported: Path, tmp_path: Path) -> None:
    (exported / "variables" / "variables.data-00000-of-00001").write_bytes(b"x")
    reason, _ = refused(a_request(tmp_path))
    assert reason == "BadSavedModel"
    assert layout.taken_numbers(tmp_path / "store", "m") == []


def test_a_missing_signature_is_named_with_those_that_are_there(exported: Path, tmp_path: Path) -> None:
    reason, message = refused(a_request(tmp_path, signature="classify"))
    assert reason == "SignatureMissing"
    assert "scalar, serving_default" in message


@pytest.mark.parametrize(
    ("metrics", "reason", "told"),
    [
        ('{"accuracy": 0.5}', "ThresholdNotMet", "accuracy is 0.5, which is not >=0.9"),
        ('{"accuracy": NaN}', "ThresholdNotMet", "nan"),
        ('{"loss": 0.5}', "MetricMissing", "reported loss"),
        (None, "MetricMissing", "reported nothing"),
        ("[1]", "MetricMissing", "expected an object"),
        ("{", "MetricMissing", "cannot be read"),
    ],
)
def test_a_threshold_that_is_not_met(
    exported: Path, tmp_path: Path, metrics: str | None, reason: str, told: str
) -> None:
    if metrics is not None:
        (tmp_path / "metrics.json").write_text(metrics)
    found, message = refused(a_request(tmp_path, thresholds={"accuracy": ">=0.9"}))
    assert (found, told in message) == (reason, True), message


def test_a_full_disk_may_be_tried_again(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publish, "stage", full)
    assert refused(a_request(tmp_path), RETRIABLE_FAILURE)[0] == "DiskFull"


def test_a_model_that_ends_the_process_is_named_by_its_signal(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_inspect", crashing.kill_oneself)
    found = preflight._inspect_apart(exported, preflight.Wanted(), 30)
    assert "signal 9 (SIGKILL)" in found.error


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refused(a_request(tmp_path, export_dir="/source/none"))[0] == "SourceNotFound"


def test_what_is_no_request_is_our_error() -> None:
    assert refused("{}")[0] == "InternalError"


def test_the_command_writes_its_report(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFMODEL_EXPORT_REQUEST", a_request(tmp_path))
    assert main(["export", f"--report-file={tmp_path / 'report'}"]) == 0
    report = ExportReport.from_json((tmp_path / "report").read_text())
    assert report is not None
    assert report.version == 1
    assert json.loads((tmp_path / "report").read_text())["storedVersions"] == [1]


def test_a_version_that_breaks_the_serving_one_s_clients_is_refused(
    saved_models: Path, exported: Path, tmp_path: Path
) -> None:
    assert run(a_request(tmp_path))[0].version == 1
    shutil.rmtree(exported)
    shutil.copytree(saved_models / "flowers" / "1", exported)
    second = {"run_key": "2-a"}
    reason, message = refused(a_request(tmp_path, serving_version=1, **second))
    assert reason == "SignatureIncompatible"
    assert "clients of version 1 would break: signature scalar is gone; signature serving_default: input" in message
    assert run(a_request(tmp_path, serving_version=7, **second))[0].version == 2


def test_history_and_progress_go_with_the_version_and_checkpoints_go_away(exported: Path, tmp_path: Path) -> None:
    runs = layout.model_dir(tmp_path / "store", "m") / layout.RUNS
    for key in ("1-a", "0-old"):
        (runs / key / "checkpoints").mkdir(parents=True)
        (runs / key / "logs").mkdir()
    (runs / "1-a" / "logs" / "history.jsonl").write_text('{"epoch": 1, "metrics": {"loss": 0.5}}\n')
    (tmp_path / "progress.json").write_text('{"epoch": 1, "epochs": 1, "step": 3, "metrics": {"loss": 0.5}}')
    request = a_request(tmp_path, log_dir=str(runs / "1-a" / "logs"), progress_file=str(tmp_path / "progress.json"))
    report, _ = run(request)
    assert report.progress is not None
    assert (report.progress.epoch, report.progress.step) == (1, 3)
    history = layout.version_dir(tmp_path / "store", "m", 1) / layout.HISTORY
    assert json.loads(history.read_text()) == [{"epoch": 1, "metrics": {"loss": 0.5}}]
    assert sorted(path.name for path in runs.iterdir()) == ["1-a"]
    assert sorted(path.name for path in (runs / "1-a").iterdir()) == ["logs"]


def test_a_worker_that_is_not_the_chief_exports_nothing(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMODEL_EXPORT_REQUEST", a_request(tmp_path))
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    assert main(["export", f"--report-file={tmp_path / 'report'}"]) == 0
    assert not (tmp_path / "store").exists()


def test_a_model_under_a_tag_of_its_own_is_served(saved_models: Path, tmp_path: Path) -> None:
    shutil.copytree(saved_models / "of_examples" / "1", tmp_path / "export")
    report, _ = run(a_request(tmp_path))
    assert report.version == 1, report
    folder = layout.version_dir(tmp_path / "store", "m", 1)
    saved = messages.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    assert [list(graph.meta_info_def.tags) for graph in saved.meta_graphs] == [["serve"]]
    assert not [path for path in folder.rglob("*") if path.is_symlink()]


def test_of_several_graphs_one_must_be_tagged(saved_models: Path, exported: Path, tmp_path: Path) -> None:
    saved = messages.SavedModel.FromString((exported / "saved_model.pb").read_bytes())
    saved.meta_graphs.add().CopyFrom(saved.meta_graphs[0])
    for graph, tag in zip(saved.meta_graphs, ("train", "mine"), strict=True):
        del graph.meta_info_def.tags[:]
        graph.meta_info_def.tags.append(tag)
    (exported / "saved_model.pb").write_bytes(saved.SerializeToString())
    reason, message = refused(a_request(tmp_path))
    assert (reason, "tagged train, mine" in message) == ("AmbiguousExport", True)
