"""What the helpers for training scripts write, and that it can be read."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from tfmodel import train
from tfmodel.progress import HISTORY_FILE, Epoch, Progress, read_bounded, read_history
from tfmodel.train import reporting


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFMODEL_PROGRESS_FILE", str(tmp_path / "progress.json"))
    monkeypatch.setenv("TFMODEL_METRICS_FILE", str(tmp_path / "metrics.json"))
    monkeypatch.setenv("TFMODEL_LOG_DIR", str(tmp_path / "logs"))
    return tmp_path


def told(folder: Path) -> Progress | None:
    return Progress.from_json((folder / "progress.json").read_bytes())


def test_the_part_that_is_done_comes_from_the_epochs(folder: Path) -> None:
    train.report_progress(epoch=1, epochs=3, step=47, metrics={"loss": 0.5, "broken": float("nan")})
    found = told(folder)
    assert found is not None
    assert (found.epoch, found.epochs, found.step, found.progress_percentage) == (1, 3, 47, 33)
    assert found.metrics == {"loss": 0.5}
    assert found.estimated_remaining_seconds is not None
    assert sorted(path.name for path in folder.iterdir()) == ["progress.json"]


def test_a_part_of_more_than_all_is_refused(folder: Path) -> None:
    with pytest.raises(ValidationError, match=r"progressPercentage|progress_percentage"):
        train.report_progress(done=1.5)


def test_metrics_are_finite_numbers(folder: Path) -> None:
    train.report_metrics({"accuracy": 0.97})
    assert json.loads((folder / "metrics.json").read_text()) == {"accuracy": 0.97}
    with pytest.raises(ValueError, match="loss: expected a finite number"):
        train.report_metrics({"accuracy": 0.98, "loss": float("inf")})
    assert json.loads((folder / "metrics.json").read_text()) == {"accuracy": 0.97}


def test_an_epoch_that_was_trained_again_counts_once(folder: Path) -> None:
    for epoch, loss in ((1, 0.9), (2, 0.8), (2, 0.7)):
        reporting.report_epoch(epoch, step=epoch * 10, seconds=1.5, metrics={"loss": loss})
    lines = (folder / "logs" / HISTORY_FILE).read_text().splitlines()
    assert [(one.epoch, one.metrics["loss"]) for one in read_history([*lines, "{half a li"])] == [(1, 0.9), (2, 0.7)]


def test_outside_a_tfmodel_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TFMODEL_PROGRESS_FILE", "TFMODEL_METRICS_FILE", "TFMODEL_LOG_DIR"):
        monkeypatch.delenv(name, raising=False)
    train.report_progress(epoch=1, epochs=2)
    train.report_metrics({"accuracy": 1})
    reporting.report_epoch(1, step=1, seconds=1, metrics={})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[1]",
        '{"epoch": -1}',
        '{"epoch": "many"}',
        '{"progressPercentage": 101}',
        '{"metrics": {"loss": NaN}}',
    ],
)
def test_what_is_no_progress_tells_nothing(text: str) -> None:
    assert Progress.from_json(text) is None


def test_what_a_newer_helper_adds_does_no_harm() -> None:
    assert Epoch.from_json('{"epoch": 1, "colour": "blue"}') == Epoch(epoch=1)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 11)
    assert read_bounded(tmp_path / "large", 10) is None
    assert read_bounded(tmp_path / "large", 11) == b"x" * 11
    assert read_bounded(tmp_path / "none", 11) is None
