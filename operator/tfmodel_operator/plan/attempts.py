"""Which attempt of a run follows one that failed: Kubernetes makes it, unless the failure ends the run or none is left.

A Job ends a moment after its last pod: until then its count and limit of failures tell that nothing follows, so that nobody is told of
an attempt that will not come.
"""

from collections.abc import Iterable, Sequence

from tfmodel.api.reasons import ConditionReason, FailureReason
from tfmodel.api.status import LastFailure
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.metadata import EXPORT_CONTAINER, PROGRESS_CONTAINER
from tfmodel_operator.read import at, condition_of, container_states, name_of
from tfmodel_operator.values import Manifest

NEEDS_A_HAND = frozenset(
    {
        FailureReason.IMAGE_PULL_FAILED,
        FailureReason.CONFIG_MISSING,
        FailureReason.QUOTA_EXCEEDED,
        FailureReason.ADMISSION_REJECTED,
        FailureReason.UNSCHEDULABLE,
    }
)
"""What keeps an attempt from its start, and ends no attempt: it goes on once someone has seen to it."""
_ANOTHER = "another attempt {does}; the one before it failed"
_IS_DUE = "is due"
ANOTHER_IS_DUE = _ANOTHER.format(does=_IS_DUE)
_DOES = {
    ConditionReason.TRAINING: "trains",
    ConditionReason.FETCHING: "fetches the model",
    ConditionReason.EXPORTING: "exports the model",
}


def after(
    failure: LastFailure | None, model: TFModel, job: Manifest, pods: Sequence[Manifest], step: ConditionReason
) -> str | None:
    """What attempt follows the one that failed, such as `attempt 2 trains; attempt 1 failed`; None if none failed, or none follows."""
    if failure is None or step is ConditionReason.SUSPENDED:
        return None
    failures = _failures(job, pods)
    if step in _DOES and failure.pod not in _names_of_running(pods):
        return _told(model, failures, _DOES[step])
    allowed = at(job, "spec", "backoffLimit")
    is_left = allowed is None or failures <= allowed
    return _told(model, failures, _IS_DUE) if is_left and _may_be_mended(failure, model) else None


def _told(model: TFModel, failures: int, does: str) -> str:
    """Attempts are numbered where one pod is one attempt, and the Job counts it: a pod that was evicted does not count."""
    has_workers = model.spec.training is not None and model.spec.training.workers > 1
    if has_workers or failures == 0:
        return _ANOTHER.format(does=does)
    return f"attempt {failures + 1} {does}; attempt {failures} failed"


def _may_be_mended(failure: LastFailure, model: TFModel) -> bool:
    """Whether the Job goes on after the failure, as its podFailurePolicy has it."""
    has_workers = model.spec.training is not None and model.spec.training.workers > 1
    ends_all = has_workers and failure.container == EXPORT_CONTAINER
    return failure.retriable and failure.reason not in NEEDS_A_HAND and not ends_all


def _failures(job: Manifest, pods: Iterable[Manifest]) -> int:
    """How many attempts failed: as the Job counts them, or one more while it has not counted the last."""
    return max(int(at(job, "status", "failed") or 0), sum(1 for pod in pods if _counts_as_failed(pod)))


def _counts_as_failed(pod: Manifest) -> bool:
    if condition_of(pod, "DisruptionTarget") is not None:
        return False
    return at(pod, "status", "phase") == "Failed" or any(
        at(state, "state", "terminated", "exitCode") for state in _steps(pod)
    )


def _names_of_running(pods: Iterable[Manifest]) -> set[str]:
    return {name_of(pod) for pod in pods if any(at(state, "state", "running") for state in _steps(pod))}


def _steps(pod: Manifest) -> list[Manifest]:
    """States of the containers that do the work: the sidecar runs on for a moment after them."""
    return [state for state in container_states(pod) if state.get("name") != PROGRESS_CONTAINER]
