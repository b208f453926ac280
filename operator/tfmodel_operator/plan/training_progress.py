"""What status says of a training's progress: what its pod told, at most every few seconds."""

from datetime import datetime, timedelta
from typing import Any

from tfmodel.api.v1alpha1 import TFModel
from tfmodel.contract import ExportReport
from tfmodel.progress import Progress
from tfmodel_operator.manifests.metadata import PROGRESS_CONTAINER, TRAIN_CONTAINER
from tfmodel_operator.read import at, container_states, label_of, name_of
from tfmodel_operator.values import LABEL_RUN, Manifest, Observation

MOST_OFTEN = timedelta(seconds=10)
_INDEX_LABEL = "batch.kubernetes.io/job-completion-index"
_FIELDS = ("progress_percentage", "epoch", "epochs", "step", "estimated_remaining_seconds", "progress_time", "metrics")


def training_pods(seen: Observation) -> list[Manifest]:
    """Pods that train now and can be asked; of several workers only the chief."""
    return [pod for pod in seen.pods if _trains(pod) and label_of(pod, _INDEX_LABEL) in (None, "0")]


def _trains(pod: Manifest) -> bool:
    running = {state.get("name") for state in container_states(pod) if at(state, "state", "running")}
    return {TRAIN_CONTAINER, PROGRESS_CONTAINER} <= running


def said(model: TFModel, seen: Observation, key: str, report: ExportReport | None, now: datetime) -> dict[str, Any]:
    """The fields of `status.training` that tell of progress: what was said last, until it is old enough to be said anew."""
    last = model.status.training
    before = {name: getattr(last, name) for name in _FIELDS} if last is not None and last.run_key == key else {}
    if report is not None:
        told_last = report.progress.model_dump(include={"epoch", "epochs", "step"}) if report.progress else {}
        return {**before, **told_last, "progress_percentage": 100, "estimated_remaining_seconds": None}
    told = next((seen.progress[name_of(pod)] for pod in _of_run(seen, key) if name_of(pod) in seen.progress), None)
    if told is None or _is_recent(before.get("progress_time"), now):
        return before
    return _fields(told, now)


def _of_run(seen: Observation, key: str) -> list[Manifest]:
    return [pod for pod in seen.pods if label_of(pod, LABEL_RUN) == key]


def _is_recent(time: str | None, now: datetime) -> bool:
    return time is not None and now - datetime.fromisoformat(time) < MOST_OFTEN


def _fields(told: Progress, now: datetime) -> dict[str, Any]:
    return {
        "progress_percentage": told.progress_percentage,
        "epoch": told.epoch,
        "epochs": told.epochs,
        "step": told.step,
        "estimated_remaining_seconds": told.estimated_remaining_seconds,
        "progress_time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "metrics": {name: f"{value:.6g}" for name, value in told.metrics.items()} or None,
    }
