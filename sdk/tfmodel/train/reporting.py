"""Writes the files of the contract: progress, history, metrics. Needs neither TensorFlow nor Keras."""

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path

from tfmodel import contract
from tfmodel.progress import HISTORY_FILE, Epoch, Progress

_BEGUN = time.monotonic()


def report_metrics(metrics: Mapping[str, float]) -> None:
    """Writes what `validation.thresholds` reads and status shows. It replaces what was written before.

    Raises:
        ValueError: a value is no finite number.
    """
    wrong = [name for name, value in metrics.items() if not math.isfinite(float(value))]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: expected a finite number")
    _replace(contract.METRICS_FILE_ENV, json.dumps({name: float(value) for name, value in metrics.items()}))


def report_progress(
    *,
    epoch: int | None = None,
    epochs: int | None = None,
    step: int | None = None,
    done: float | None = None,
    estimated_remaining_seconds: float | None = None,
    metrics: Mapping[str, float] | None = None,
) -> None:
    """Tells how far the training is; status, `kubectl get` and Prometheus show it.

    `epoch` epochs of `epochs` and `step` steps have ended. `done`, between 0 and 1, is taken from the epochs if not given, and
    `estimated_remaining_seconds` from the time since this module was imported. Metrics that are not finite are left out.

    Raises:
        pydantic.ValidationError: a number is negative, or `done` is not between 0 and 1.
    """
    part = epoch / epochs if done is None and epoch is not None and epochs else done
    left = _remaining(part, time.monotonic() - _BEGUN)
    remaining = left if estimated_remaining_seconds is None else estimated_remaining_seconds
    progress = Progress(
        epoch=epoch,
        epochs=epochs,
        step=step,
        progress_percentage=None if part is None else math.floor(part * 100),
        estimated_remaining_seconds=None if remaining is None else round(remaining),
        metrics=finite(metrics or {}),
    )
    _replace(contract.PROGRESS_FILE_ENV, progress.to_json())


def report_epoch(epoch: int, *, step: int | None, seconds: float | None, metrics: Mapping[str, float]) -> None:
    """Adds an epoch that ended to the history of the run, from which the curves are drawn."""
    folder = os.environ.get(contract.LOG_DIR_ENV)
    if folder is None:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (Path(folder) / HISTORY_FILE).open("a") as history:
        history.write(Epoch(epoch=epoch, step=step, seconds=seconds, metrics=finite(metrics)).to_json() + "\n")


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics that are finite numbers, as Python's floats."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(float(value))}


def _remaining(done: float | None, elapsed: float) -> float | None:
    return elapsed * (1 - done) / done if done else None


def _replace(variable: str, text: str) -> None:
    """Writes the file that the variable names, at once, so that no reader sees a half of it."""
    named = os.environ.get(variable)
    if named is None:
        return
    file = Path(named)
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.replace(file)
