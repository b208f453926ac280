"""The conditions, each an ordered list of checks: the first that objects gives status, reason and message.

"Where is it decided that Ready is False?" has one answer: a line in a tuple below. Normal-true conditions (Accepted, Trained,
ModelValid, Available, Ready) are always there; abnormal-true ones (Reconciling, Stalled, Degraded) only while they hold, as
kstatus expects.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tfmodel.api.reasons import ConditionReason, FailureReason
from tfmodel.api.status import Condition, LastFailure, VersionStatus
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests import exporting
from tfmodel_operator.plan.attempts import NEEDS_A_HAND
from tfmodel_operator.plan.facts import Facts

_MESSAGE_LIMIT = 2000
_OF_THE_MODEL = {
    FailureReason.NOTHING_EXPORTED,
    FailureReason.AMBIGUOUS_EXPORT,
    FailureReason.CONVERSION_FAILED,
    FailureReason.EXPORT_FORMAT_FAILED,
    FailureReason.FEATURE_NAMES_MISMATCH,
    FailureReason.BAD_SAVED_MODEL,
    FailureReason.UNSAFE_OPERATION,
    FailureReason.UNKNOWN_OPERATION,
    FailureReason.SIGNATURE_INCOMPATIBLE,
    FailureReason.SMOKE_REQUEST_FAILED,
    FailureReason.SIGNATURE_MISSING,
    FailureReason.THRESHOLD_NOT_MET,
    FailureReason.METRIC_MISSING,
    FailureReason.WARMUP_FAILED,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a condition says."""

    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


Check = Callable[[Facts], Verdict | None]


def _told(failure: LastFailure) -> Verdict:
    hint = f" Hint: {failure.hint}" if failure.hint else ""
    return Verdict("False", failure.reason, f"{failure.message}.{hint}".replace("..", "."))


def refused_by_api_server(facts: Facts) -> Verdict | None:
    """An object of the plan was refused."""
    if not facts.errors:
        return None
    error = facts.errors[0]
    exceeded = "exceeded quota" in error.message
    reason = FailureReason.QUOTA_EXCEEDED if exceeded else FailureReason.ADMISSION_REJECTED
    return Verdict("False", reason, f"{error.target.kind} {error.target.name}: {error.message}")


def run_failed(facts: Facts) -> Verdict | None:
    """The run is over and became no version."""
    failure = facts.run.status.last_failure
    return _told(failure) if facts.run.state == "Failed" and failure is not None else None


def run_is_retried(facts: Facts) -> Verdict | None:
    """An attempt failed, and another one runs or is due."""
    run = facts.run
    if run.status.last_failure is None or run.retry is None:
        return None
    told = _told(run.status.last_failure)
    message = f"run {run.status.run_id}: {run.retry}: {told.reason}: {told.message}"
    return Verdict("False", ConditionReason.RETRYING, message)


def run_waits_for_a_cause(facts: Facts) -> Verdict | None:
    """The newest attempt failed and none follows, or it cannot start."""
    failure, state = facts.run.status.last_failure, facts.run.state
    return _told(failure) if state in ("Pending", "Running") and failure is not None else None


def run_goes_on(facts: Facts) -> Verdict | None:
    """The run is not over."""
    if facts.run.is_over:
        return None
    waits = f"begins when Job {facts.run.waits_for} has ended" if facts.run.waits_for else f"Job {facts.run.job_name}"
    return Verdict("False", facts.run.step, f"run {facts.run.status.run_id}: {waits}")


def run_failed_on_the_model(facts: Facts) -> Verdict | None:
    """What the run exported did not pass the checks."""
    failure = facts.run.status.last_failure
    is_about_the_model = failure is not None and failure.reason in _OF_THE_MODEL
    return _told(failure) if failure is not None and is_about_the_model else None


def version_failed(facts: Facts) -> Verdict | None:
    """A runtime pod could not load a wanted version."""
    failed = facts.versions.failed
    if failed is None or failed.last_failure is None:
        return None
    told = _told(failed.last_failure)
    return Verdict("False", told.reason, f"version {failed.version}: {told.message}")


def no_version_yet(facts: Facts) -> Verdict | None:
    """Nothing has been published."""
    if facts.versions.in_store:
        return None
    return Verdict("Unknown", ConditionReason.NO_VERSION, "no version has been published yet")


def named_version_is_missing(facts: Facts) -> Verdict | None:
    """The spec names a version that the store does not hold."""
    if not facts.versions.missing or not facts.versions.in_store:
        return None
    missing = ", ".join(str(number) for number in facts.versions.missing)
    held = ", ".join(str(number) for number in facts.versions.in_store)
    hint = "name one that exists in serving.pinnedVersion, serving.versionPolicy or serving.versionLabels"
    return Verdict("False", FailureReason.VERSION_NOT_FOUND, f"version {missing} is not in the store ({held}): {hint}")


def scaled_to_zero(facts: Facts) -> Verdict | None:
    """Nothing is meant to serve."""
    if facts.serving.wanted > 0:
        return None
    return Verdict("False", ConditionReason.SCALED_TO_ZERO, "spec.serving.replicas is 0")


def pods_have_a_problem(facts: Facts) -> Verdict | None:
    """No pod answers, and it is known why."""
    return _told(facts.serving.failure) if facts.serving.failure is not None and not facts.answers else None


def pods_are_starting(facts: Facts) -> Verdict | None:
    """No pod answers yet."""
    if facts.answers:
        return None
    target = f" with version {facts.versions.target}" if facts.versions.target is not None else ""
    text = f"{facts.serving.ready} of {facts.serving.wanted} runtime pods answer{target}"
    return Verdict("False", ConditionReason.DEPLOYING, text)


def _unknown_is_false(check: Check) -> Check:
    def checked(facts: Facts) -> Verdict | None:
        verdict = check(facts)
        return verdict and Verdict("False", verdict.reason, verdict.message)

    return checked


ACCEPTED: tuple[Check, ...] = (refused_by_api_server,)
TRAINED: tuple[Check, ...] = (run_failed, run_is_retried, run_waits_for_a_cause, run_goes_on)
MODEL_VALID: tuple[Check, ...] = (run_failed_on_the_model, version_failed, no_version_yet)
AVAILABLE: tuple[Check, ...] = (
    scaled_to_zero,
    _unknown_is_false(no_version_yet),
    pods_have_a_problem,
    named_version_is_missing,
    pods_are_starting,
)
SETBACKS: tuple[Check, ...] = (
    refused_by_api_server,
    run_failed,
    run_is_retried,
    run_waits_for_a_cause,
    version_failed,
    named_version_is_missing,
)


def first_objection(checks: Iterable[Check], facts: Facts) -> Verdict | None:
    """What the first check says that objects; None if none does."""
    return next((verdict for check in checks if (verdict := check(facts)) is not None), None)


def conditions(facts: Facts) -> list[Condition]:
    """All conditions of the TFModel, in the order in which they come true."""
    model, now = facts.model, facts.now
    newest = facts.versions.in_store[0] if facts.versions.in_store else None
    verdicts = {
        "Accepted": first_objection(ACCEPTED, facts)
        or Verdict("True", ConditionReason.ACCEPTED, "the spec can be carried out"),
        "Trained": first_objection(TRAINED, facts)
        or Verdict(
            "True",
            ConditionReason.RUN_SUCCEEDED,
            f"run {facts.run.status.run_id} became version {facts.run.status.version}",
        ),
        "ModelValid": first_objection(MODEL_VALID, facts) or _validated(facts, newest),
        "Available": first_objection(AVAILABLE, facts)
        or Verdict("True", ConditionReason.SERVING, f"{facts.serving.ready} runtime pods answer"),
        "Ready": ready(facts),
        **abnormal(facts),
    }
    return [condition(model, kind, verdict, now) for kind, verdict in verdicts.items()]


def _validated(facts: Facts, newest: int | None) -> Verdict:
    """The newest version passed; what is wrong with it all the same stands in the message."""
    found = next((one for one in facts.versions.known if one.version == newest), None)
    warnings = "".join(f"; warning: {told}" for told in (found and found.warnings) or ())
    changed = _made_by_another_export(facts, found)
    return Verdict("True", ConditionReason.VALIDATED, f"version {newest} passed every check{warnings}{changed}")


def _made_by_another_export(facts: Facts, newest: VersionStatus | None) -> str:
    """A run that is over is not run again because of its formats: that may take hours."""
    if newest is None or newest.run_key is None or newest.export_digest == exporting.digest(facts.model):
        return ""
    section = "training" if facts.model.spec.training else "source"
    return f"; spec.export has changed since: change {section}.runId to make a version by it"


def ready(facts: Facts) -> Verdict:
    """Whether a checked version answers; if not, the first thing in the way."""
    if facts.answers and facts.serving.wanted > 0:
        return _ready_with(facts)
    order = (*ACCEPTED, *TRAINED, run_failed_on_the_model, version_failed, *AVAILABLE)
    if facts.versions.in_store and facts.serving.wanted > 0:
        order = (*ACCEPTED, *AVAILABLE[:-1], version_failed, *TRAINED, *AVAILABLE)
    found = first_objection(order, facts)
    return found or Verdict("False", ConditionReason.DEPLOYING, "waiting for runtime pods")


def _ready_with(facts: Facts) -> Verdict:
    text = f"version {facts.versions.active} answers in {facts.serving.ready} of {facts.serving.wanted} runtime pods"
    setback = first_objection(SETBACKS, facts)
    if setback is None:
        return Verdict("True", ConditionReason.SERVING, text)
    message = f"{text}; {setback.reason}: {setback.message}"
    return Verdict("True", ConditionReason.SERVING_PREVIOUS_VERSION, message)


def abnormal(facts: Facts) -> dict[str, Verdict]:
    """The conditions that are there only while they hold."""
    stalled = _stalled(facts)
    setback = first_objection(SETBACKS, facts)
    held: dict[str, Verdict] = {}
    if stalled is not None:
        held["Stalled"] = Verdict("True", stalled.reason, stalled.message)
    elif not facts.is_done and facts.run.step != ConditionReason.SUSPENDED:
        held["Reconciling"] = Verdict("True", ConditionReason.PROGRESSING, _progress(facts))
    if facts.answers and setback is not None:
        held["Degraded"] = Verdict("True", setback.reason, setback.message)
    return held


def _progress(facts: Facts) -> str:
    if not facts.run.is_over:
        return f"run {facts.run.status.run_id}: {facts.run.step}"
    wanted, target = facts.serving.wanted, facts.versions.target
    return f"version {target}: {facts.serving.ready} of {wanted} runtime pods are ready"


def _stalled(facts: Facts) -> Verdict | None:
    """What will not mend itself: only a change from outside helps."""
    found = first_objection((refused_by_api_server, run_failed, version_failed, named_version_is_missing), facts)
    if found is not None:
        return found
    if facts.run.retry is not None:
        return None
    waiting = facts.run.status.last_failure if not facts.run.is_over else facts.serving.failure
    return _told(waiting) if waiting is not None and waiting.reason in NEEDS_A_HAND else None


def condition(model: TFModel, kind: str, verdict: Verdict, now: datetime) -> Condition:
    """The condition, with the time at which its status changed last."""
    before = next((one for one in model.status.conditions or () if one.type == kind), None)
    unchanged = before is not None and before.status == verdict.status
    since = before.last_transition_time if before is not None and unchanged else timestamp(now)
    return Condition(
        type=kind,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message[:_MESSAGE_LIMIT],
        last_transition_time=since,
        observed_generation=model.metadata.generation,
    )


def timestamp(now: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
