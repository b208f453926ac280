"""Why something failed: from what Kubernetes tells of pods, Jobs and events to one cause with a hint.

Matchers stand in order, the most specific first (a container killed for memory also ended with a code). What a container
said last is in its status, because every container has `terminationMessagePolicy: FallbackToLogsOnError`; so the operator
needs no permission to read logs.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tfmodel.api.reasons import FailureReason
from tfmodel.api.status import LastFailure
from tfmodel.api.v1alpha1 import TFModel
from tfmodel.contract import ExportReport
from tfmodel_operator.manifests.metadata import EXPORT_CONTAINER, FETCH_CONTAINER, PROGRESS_CONTAINER, TRAIN_CONTAINER
from tfmodel_operator.read import at, condition_of, container_states, name_of, uid_of
from tfmodel_operator.values import Manifest, Observation

LOG_TAIL_LINES = 20
_LINE_LIMIT = 400
_SECRET = re.compile(
    r"(?i)((?:password|passwd|secret|token|api[-_]?key|access[-_]?key|authorization|credential)[\w-]*[\"']?\s*[:=]\s*)\S+"
)
_USERINFO = re.compile(r"(\w+://)[^/\s:@]+:[^/\s@]+@")
_EXCEPTION = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Exit)(?:: |$)")
_PULL_FAILURES = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
}
_CONFIG_FAILURES = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_HINTS: Mapping[FailureReason, str] = {
    FailureReason.OOM_KILLED: "raise {section}.resources.limits.memory, or make the container use less",
    FailureReason.IMAGE_PULL_FAILED: "check the image's name and tag, and {section}.imagePullSecrets",
    FailureReason.CONFIG_MISSING: "create what is missing; the pod goes on by itself",
    FailureReason.UNSCHEDULABLE: "ask for less in {section}.resources, or change nodeSelector, tolerations or affinity",
    FailureReason.EVICTED: "give {section}.resources.requests what the container needs, or use a node with more room",
    FailureReason.QUOTA_EXCEEDED: "ask for less in {section}.resources, or have the namespace's quota raised",
    FailureReason.ADMISSION_REJECTED: "change what the message names, or have the policy changed",
    FailureReason.USER_CODE_ERROR: "see logTail; correct the script and change training.runId, or the image",
    FailureReason.DEADLINE_EXCEEDED: "raise training.activeDeadlineSeconds, or train less",
    FailureReason.RUNTIME_CRASHED: "see logTail",
    FailureReason.INTERNAL_ERROR: "see logTail; please report it",
}

_SIGKILLED = 137
_STEPS = (TRAIN_CONTAINER, FETCH_CONTAINER, EXPORT_CONTAINER)

Matcher = Callable[[Manifest, Manifest, str], LastFailure | None]


def log_tail(text: str | None) -> list[str] | None:
    """The last lines of a log, what looks like a secret masked; None if there are none."""
    lines = [line.rstrip() for line in (text or "").splitlines() if line.strip()]
    return [_masked(line)[:_LINE_LIMIT] for line in lines[-LOG_TAIL_LINES:]] or None


def _telling(tail: list[str]) -> str:
    """The line that names the exception, else the last.

    The lines of stdout and of stderr reach the log in no fixed order, so the exception need not stand last.
    """
    return next((line for line in reversed(tail) if _EXCEPTION.match(line)), tail[-1])


def _masked(line: str) -> str:
    return _USERINFO.sub(r"\1***@", _SECRET.sub(r"\1***", line))


def failure(reason: FailureReason, message: str, *, section: str = "training", **facts: Any) -> LastFailure:
    """A failure with the hint that belongs to its reason. `section` is the part of the spec that the hint speaks of."""
    hint = _HINTS.get(reason, "").format(section=section)
    return LastFailure(reason=reason, message=_masked(message), hint=hint, **facts)


def report_of(pod: Manifest) -> ExportReport | None:
    """What the export step of a finished pod reported; None if it said nothing that can be read."""
    states = (state for state in container_states(pod) if state.get("name") == EXPORT_CONTAINER)
    return next((_report_in(state) for state in states), None)


def _report_in(state: Manifest) -> ExportReport | None:
    message = at(state, "state", "terminated", "message")
    return ExportReport.from_json(message) if message else None


def pod_failure(pod: Manifest, *, section: str) -> LastFailure | None:
    """Why a pod failed or does not start; None if nothing is wrong with it."""
    evicted = at(pod, "status", "reason") == "Evicted"
    if evicted:
        message = str(at(pod, "status", "message") or "the node evicted the pod")
        return failure(FailureReason.EVICTED, message, section=section, retriable=True, **_where(pod))
    for state in container_states(pod):
        if state.get("name") == PROGRESS_CONTAINER and at(state, "state", "running"):
            continue
        for matcher in _CONTAINER_MATCHERS:
            found = matcher(pod, state, section)
            if found is not None:
                return found
    return _unschedulable(pod, section)


def _where(pod: Manifest, state: Manifest | None = None) -> dict[str, Any]:
    """Pod, node, container, code and time of a failure."""
    facts: dict[str, Any] = {"pod": name_of(pod), "node": at(pod, "spec", "nodeName")}
    ended = _ended(state) if state else None
    if state:
        facts["container"] = state.get("name")
    if ended:
        code = ended.get("exitCode")
        facts |= {"exit_code": code, "signal": ended.get("signal") or _signal(code), "time": ended.get("finishedAt")}
    return facts


def _signal(code: int | None) -> int | None:
    return code - 128 if code is not None and 128 < code < 160 else None


def _ended(state: Manifest) -> Manifest | None:
    ended: Manifest | None = at(state, "state", "terminated") or at(state, "lastState", "terminated")
    return ended


def _oom_killed(pod: Manifest, state: Manifest, section: str) -> LastFailure | None:
    ended = _ended(state)
    if ended is None:
        return None
    name, limit = str(state.get("name")), _memory_limit(pod, str(state.get("name")))
    if ended.get("reason") == "OOMKilled":
        message = f"container {name} exceeded its memory limit{f' of {limit}' if limit else ''} and was killed"
    elif limit and _killed_unasked(pod, name, ended):
        message = (
            f"container {name} was killed (exit code 137), most likely because it exceeded its memory limit of {limit}"
        )
    else:
        return None
    tail = log_tail(ended.get("message"))
    return failure(
        FailureReason.OOM_KILLED, message, section=section, retriable=True, log_tail=tail, **_where(pod, state)
    )


def _killed_unasked(pod: Manifest, name: str, ended: Manifest) -> bool:
    """Whether SIGKILL ended a step of a run though neither a deleted pod nor a probe asked for it.

    The container runtime learns of an exit and of its cause apart, so that an exit for memory can reach status as a mere Error.
    """
    asked = at(pod, "metadata", "deletionTimestamp") is not None or name not in _STEPS
    return ended.get("exitCode") == _SIGKILLED and not asked


def _memory_limit(pod: Manifest, container: str) -> str | None:
    specs = [*(at(pod, "spec", "initContainers") or ()), *(at(pod, "spec", "containers") or ())]
    found = next((spec for spec in specs if spec.get("name") == container), None)
    limit = at(found, "resources", "limits", "memory")
    return None if limit is None else str(limit)


def _reported(pod: Manifest, state: Manifest, _section: str) -> LastFailure | None:
    ended = at(state, "state", "terminated")
    if state.get("name") not in (EXPORT_CONTAINER, FETCH_CONTAINER) or not ended or not ended.get("exitCode"):
        return None
    report = _report_in(state)
    if report is None or report.failure is None:
        return None
    told = report.failure
    return LastFailure(
        reason=told.reason, message=told.message, hint=told.hint, retriable=told.retriable, **_where(pod, state)
    )


def _ended_badly(pod: Manifest, state: Manifest, section: str) -> LastFailure | None:
    ended = _ended(state)
    if ended is None or not ended.get("exitCode"):
        return None
    reasons = {
        TRAIN_CONTAINER: FailureReason.USER_CODE_ERROR,
        FETCH_CONTAINER: FailureReason.INTERNAL_ERROR,
        EXPORT_CONTAINER: FailureReason.INTERNAL_ERROR,
    }
    reason = reasons.get(str(state.get("name")), FailureReason.RUNTIME_CRASHED)
    if ended.get("reason") in ("ContainerCannotRun", "StartError"):
        reason = FailureReason.CONFIG_MISSING
    tail = log_tail(ended.get("message"))
    message = f"container {state.get('name')} ended with exit code {ended.get('exitCode')}" + (
        f": {_telling(tail)}" if tail else ""
    )
    return failure(reason, message, section=section, retriable=True, log_tail=tail, **_where(pod, state))


def _not_pulled(pod: Manifest, state: Manifest, section: str) -> LastFailure | None:
    waiting = at(state, "state", "waiting")
    if not waiting or waiting.get("reason") not in _PULL_FAILURES:
        return None
    message = f"image {state.get('image')}: {waiting.get('message') or waiting.get('reason')}"
    return failure(FailureReason.IMAGE_PULL_FAILED, message, section=section, retriable=True, **_where(pod, state))


def _not_configured(pod: Manifest, state: Manifest, section: str) -> LastFailure | None:
    waiting = at(state, "state", "waiting")
    if not waiting or waiting.get("reason") not in _CONFIG_FAILURES:
        return None
    message = str(waiting.get("message") or waiting.get("reason"))
    return failure(FailureReason.CONFIG_MISSING, message, section=section, retriable=True, **_where(pod, state))


_CONTAINER_MATCHERS: tuple[Matcher, ...] = (_oom_killed, _reported, _not_pulled, _not_configured, _ended_badly)


def _unschedulable(pod: Manifest, section: str) -> LastFailure | None:
    conditions: list[Manifest] = at(pod, "status", "conditions") or []
    for condition in conditions:
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            message = str(condition.get("message", ""))
            return failure(FailureReason.UNSCHEDULABLE, message, section=section, retriable=True, **_where(pod))
    return None


def unexplained(_model: TFModel, seen: Observation) -> tuple[str, ...]:
    """Uids of the objects whose Warning events must be read, because the objects themselves do not say why nothing happens.

    A Job without pods, whose pods may be forbidden; a pod whose containers are not created, as when a volume is missing.
    """
    jobs = [job for job in seen.jobs if _is_unfinished(job) and not _pods_of_job(job, seen)]
    pods = [pod for pod in seen.pods if _is_waiting_for_volumes(pod)]
    return tuple(uid_of(found) for found in (*jobs, *pods))


def _is_unfinished(job: Manifest) -> bool:
    ended = condition_of(job, "Complete") or condition_of(job, "Failed") or condition_of(job, "Suspended")
    return ended is None


def _pods_of_job(job: Manifest, seen: Observation) -> list[Manifest]:
    name = name_of(job)
    return [pod for pod in seen.pods if at(pod, "metadata", "labels", "batch.kubernetes.io/job-name") == name]


def _is_waiting_for_volumes(pod: Manifest) -> bool:
    if at(pod, "status", "phase") != "Pending" or condition_of(pod, "PodScheduled") is None:
        return False
    waiting = [at(state, "state", "waiting", "reason") for state in container_states(pod)]
    return any(reason in ("ContainerCreating", "PodInitializing") for reason in waiting)


def event_failure(found: Manifest, seen: Observation, *, section: str) -> LastFailure | None:
    """What the Warning events of an object tell; None if they tell nothing that is known."""
    for text in seen.warnings.get(uid_of(found), ()):
        reason, _, message = text.partition(": ")
        cause = _event_cause(reason, message)
        if cause is not None:
            return failure(cause, message, section=section, retriable=True)
    return None


def _event_cause(reason: str, message: str) -> FailureReason | None:
    if reason == "FailedCreate":
        return FailureReason.QUOTA_EXCEEDED if "exceeded quota" in message else FailureReason.ADMISSION_REJECTED
    if reason in ("FailedMount", "FailedAttachVolume"):
        return FailureReason.CONFIG_MISSING
    return None
