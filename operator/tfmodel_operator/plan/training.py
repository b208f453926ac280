"""Which run is wanted, which Job is it, is it over.

A run is born when the spec asks for it (its key is made of the spec), lives in one Job, and is over when status says
Succeeded or Failed. From then on status is the truth: a Job that is deleted is not made again. Until then the Job is: one
that was lost before it ended is made again under the same name. A run begins when what ran before it is gone: one at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from tfmodel.api.reasons import ConditionReason, FailureReason
from tfmodel.api.status import LastFailure, TrainingStatus, VersionStatus
from tfmodel.api.v1alpha1 import TFModel
from tfmodel.contract import ExportReport
from tfmodel_operator.manifests.metadata import (
    EXPORT_CONTAINER,
    FETCH_CONTAINER,
    PROGRESS_CONTAINER,
    TRAIN_CONTAINER,
    TRAINING,
)
from tfmodel_operator.plan import attempts, schedule, training_progress
from tfmodel_operator.plan.diagnosis import event_failure, failure, pod_failure, report_of
from tfmodel_operator.plan.naming import job_name, run_key
from tfmodel_operator.read import at, condition_of, container_states, label_of, name_of
from tfmodel_operator.values import LABEL_COMPONENT, Manifest, Observation

State = Literal["Pending", "Running", "Suspended", "Succeeded", "Failed"]
_JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
_LATE = timedelta(seconds=30)
"""How long after its grace period a pod may take to be gone. One on a lost node stays for ever, and is not waited for."""


@dataclass(frozen=True, slots=True)
class Run:
    """The run that the spec asks for, as far as it has come."""

    key: str
    job_name: str
    job: Manifest | None
    state: State
    step: ConditionReason
    """What happens right now, as the reason of a condition."""
    status: TrainingStatus
    report: ExportReport | None = None
    waits_for: str | None = None
    """The Job before it, whose pods are not gone yet."""
    retry: str | None = None
    """What attempt follows one that failed; None if none failed, or none follows."""

    @property
    def is_over(self) -> bool:
        """Whether the run ended, in success or not."""
        return self.state in ("Succeeded", "Failed")


def wanted_run(model: TFModel, seen: Observation, now: datetime) -> Run:
    """The run that the spec and its schedule ask for."""
    scheduled_at = schedule.wanted(model, now)
    key = run_key(model, scheduled_at)
    run = _wanted(model, seen, key, now)
    times = {"scheduled_at": scheduled_at, "next_scheduled_at": schedule.next_time(model, scheduled_at, now)}
    return replace(run, status=run.status.model_copy(update=times))


def _wanted(model: TFModel, seen: Observation, key: str, now: datetime) -> Run:
    name = job_name(model, key)
    job = next((found for found in seen.jobs if name_of(found) == name), None)
    recorded = _recorded(model, key)
    if recorded is not None:
        step = ConditionReason.RUN_SUCCEEDED if recorded.state == "Succeeded" else ConditionReason.PENDING
        return Run(key, name, job, recorded.state, step, _with_cause(model, seen, job, recorded))
    if job is None:
        found = _not_started(model, key, name)
        return replace(found, waits_for=_before(seen, now)) if found.state == "Pending" else found
    return _observed(model, seen, job, key, now)


def pods_of_job(job: Manifest, seen: Observation) -> list[Manifest]:
    """The Job's pods, the oldest first."""
    name = name_of(job)
    pods = [pod for pod in seen.pods if at(pod, "metadata", "labels", _JOB_NAME_LABEL) == name]
    return sorted(pods, key=lambda pod: (str(at(pod, "metadata", "creationTimestamp")), name_of(pod)))


def report_of_job(job: Manifest, seen: Observation) -> ExportReport | None:
    """What the export step of a completed Job reported."""
    return None if condition_of(job, "Complete") is None else _reported(job, seen)


def _reported(job: Manifest, seen: Observation) -> ExportReport | None:
    reports = [report_of(pod) for pod in pods_of_job(job, seen) if at(pod, "status", "phase") == "Succeeded"]
    return next((report for report in reports if report is not None and report.version is not None), None)


def _recorded(model: TFModel, key: str) -> TrainingStatus | None:
    """What status already holds of a run that is over, be it the last run or an earlier one that became a version."""
    last = model.status.training
    if last is not None and last.run_key == key and last.state in ("Succeeded", "Failed"):
        return last
    for version in model.status.versions or ():
        if version.run_key == key and version.state != "Retired":
            return _of_version(model, key, version)
    return None


def _with_cause(model: TFModel, seen: Observation, job: Manifest | None, recorded: TrainingStatus) -> TrainingStatus:
    """A failure's cause as its pod tells it now: what a container said last can be seen later than the end of its Job."""
    known = recorded.last_failure
    if recorded.state != "Failed" or job is None or known is None:
        return recorded
    found = _failure(model, seen, job, report_of_job(job, seen))
    if found is None or known.pod not in (None, found.pod):
        return recorded
    return recorded.model_copy(update={"last_failure": found})


def _of_version(model: TFModel, key: str, version: VersionStatus) -> TrainingStatus:
    return TrainingStatus(
        run_id=model.spec.run_id, run_key=key, state="Succeeded", metrics=version.metrics, version=version.version
    )


def _not_started(model: TFModel, key: str, name: str) -> Run:
    last = model.status.training
    suspended = _is_suspended(model)
    state: State = "Suspended" if suspended else "Pending"
    step = ConditionReason.SUSPENDED if suspended else ConditionReason.RUN_PENDING
    lost = last if last is not None and last.run_key == key and last.state in ("Pending", "Running") else None
    before = LastFailure(
        reason=FailureReason.JOB_LOST,
        message=f"Job {name} was deleted before it ended",
        hint="nothing: the run is started again",
        retriable=True,
    )
    status = TrainingStatus(
        run_id=model.spec.run_id,
        run_key=key,
        state=state,
        attempts=lost.attempts if lost else 0,
        last_failure=before if lost and lost.started_at else None,
    )
    retry = attempts.ANOTHER_IS_DUE if status.last_failure and not suspended else None
    return Run(key, name, None, state, step, status, retry=retry)


def _before(seen: Observation, now: datetime) -> str | None:
    """A Job that is not over, or one that is gone but whose pods still run."""
    unfinished = (name_of(job) for job in seen.jobs if not is_finished(job))
    ending = (str(label_of(pod, _JOB_NAME_LABEL)) for pod in seen.pods if _still_runs(pod, now))
    return next((name for names in (unfinished, ending) for name in names), None)


def is_finished(job: Manifest) -> bool:
    """Whether a Job is over, in success or not."""
    return condition_of(job, "Complete") is not None or condition_of(job, "Failed") is not None


def _still_runs(pod: Manifest, now: datetime) -> bool:
    if label_of(pod, LABEL_COMPONENT) != TRAINING or at(pod, "status", "phase") in ("Succeeded", "Failed"):
        return False
    ends = at(pod, "metadata", "deletionTimestamp")
    return ends is None or now < datetime.fromisoformat(ends) + _LATE


def _is_suspended(model: TFModel) -> bool:
    return model.spec.training is not None and model.spec.training.suspend


def _observed(model: TFModel, seen: Observation, job: Manifest, key: str, now: datetime) -> Run:
    report = report_of_job(job, seen)
    found = _failure(model, seen, job, report)
    state = _state(job, seen, report)
    counts: Mapping[str, int] = at(job, "status") or {}
    ended = condition_of(job, "Complete") or condition_of(job, "Failed")
    progress = training_progress.said(model, seen, key, report, now)
    status = TrainingStatus(
        run_id=model.spec.run_id,
        run_key=key,
        state=state,
        attempts=sum(counts.get(count) or 0 for count in ("active", "succeeded", "failed")),
        started_at=at(job, "status", "startTime"),
        finished_at=at(job, "status", "completionTime") or (ended or {}).get("lastTransitionTime"),
        version=report.version if report else None,
        last_failure=found,
        **{**progress, **({"metrics": dict(report.metrics)} if report else {})},
    )
    step = _step(job, seen, state, found)
    retry = attempts.after(found, model, job, pods_of_job(job, seen), step)
    return Run(key, name_of(job), job, state, step, status, report, retry=retry)


def _state(job: Manifest, seen: Observation, report: ExportReport | None) -> State:
    if condition_of(job, "Complete") is not None:
        return "Succeeded" if report is not None else "Failed"
    if condition_of(job, "Failed") is not None:
        return "Failed"
    if condition_of(job, "Suspended") is not None:
        return "Suspended"
    started = any(_running(pod) for pod in pods_of_job(job, seen)) or _reported(job, seen) is not None
    return "Running" if started else "Pending"


def _running(pod: Manifest) -> str | None:
    """The container that runs now."""
    states = (state for state in container_states(pod) if state.get("name") != PROGRESS_CONTAINER)
    return next((str(state["name"]) for state in states if at(state, "state", "running")), None)


def _step(job: Manifest, seen: Observation, state: State, found: LastFailure | None) -> ConditionReason:
    if state == "Succeeded":
        return ConditionReason.RUN_SUCCEEDED
    if state == "Suspended":
        return ConditionReason.SUSPENDED
    running = {_running(pod) for pod in pods_of_job(job, seen)}
    if EXPORT_CONTAINER in running or _reported(job, seen) is not None:
        return ConditionReason.EXPORTING
    if FETCH_CONTAINER in running:
        return ConditionReason.FETCHING
    if TRAIN_CONTAINER in running:
        return ConditionReason.TRAINING
    return ConditionReason.RETRYING if found is not None else ConditionReason.RUN_PENDING


def _failure(model: TFModel, seen: Observation, job: Manifest, report: ExportReport | None) -> LastFailure | None:
    """Why the newest attempt that failed, failed; what the last status said of it when its pod is gone."""
    if report is not None:
        return None
    section = "training" if model.spec.training else "serving"
    pods = pods_of_job(job, seen)
    causes = [pod_failure(pod, section=section) or event_failure(pod, seen, section=section) for pod in reversed(pods)]
    found = next((cause for cause in causes if cause is not None), None) or event_failure(job, seen, section=section)
    return _deadline(job, section) or found or _kept(model, job) or _unreported(job)


def _deadline(job: Manifest, section: str) -> LastFailure | None:
    failed = condition_of(job, "Failed")
    if failed is None or failed.get("reason") != "DeadlineExceeded":
        return None
    message = str(failed.get("message") or "the run took longer than activeDeadlineSeconds")
    time = failed.get("lastTransitionTime")
    return failure(FailureReason.DEADLINE_EXCEEDED, message, section=section, time=time)


def _kept(model: TFModel, job: Manifest) -> LastFailure | None:
    last = model.status.training
    if last is None or last.last_failure is None or not name_of(job).endswith(last.run_key):
        return None
    return None if last.last_failure.reason in attempts.NEEDS_A_HAND else last.last_failure


def _unreported(job: Manifest) -> LastFailure | None:
    if condition_of(job, "Complete") is not None:
        message = "the run ended, but its pod was gone before its report was read"
        return LastFailure(reason=FailureReason.JOB_LOST, message=message, hint="change training.runId to train again")
    failed = condition_of(job, "Failed")
    if failed is None:
        return None
    message = str(failed.get("message") or "the Job failed")
    return LastFailure(reason=FailureReason.INTERNAL_ERROR, message=message, hint="see the Job's events")
