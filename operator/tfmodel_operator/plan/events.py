"""Events: one for each change of the status that people want to be told of."""

from tfmodel.api.reasons import EventReason
from tfmodel.api.status import Condition, TFModelStatus, TrainingStatus
from tfmodel_operator.values import Event


def events(before: TFModelStatus, after: TFModelStatus) -> tuple[Event, ...]:
    """What changed between two statuses."""
    found = [
        *_of_the_run(before.training, after.training),
        *_of_versions(before, after),
        *_of_readiness(_condition(before, "Ready"), _condition(after, "Ready")),
        *_of_stalling(_condition(before, "Stalled"), _condition(after, "Stalled")),
    ]
    return tuple(found)


def _condition(status: TFModelStatus, kind: str) -> Condition | None:
    return next((one for one in status.conditions or () if one.type == kind), None)


def _of_the_run(before: TrainingStatus | None, after: TrainingStatus | None) -> list[Event]:
    if after is None:
        return []
    known = before if before is not None and before.run_key == after.run_key else None
    found: list[Event] = []
    if after.started_at is not None and (known is None or known.started_at is None):
        found.append(Event("Normal", EventReason.RUN_STARTED, f"run {after.run_id} started"))
    state_before = known.state if known is not None else None
    if after.state == "Succeeded" and state_before != "Succeeded":
        found.append(Event("Normal", EventReason.RUN_SUCCEEDED, f"run {after.run_id} became version {after.version}"))
    failure = after.last_failure
    if failure is None or (known is not None and known.last_failure == failure and state_before == after.state):
        return found
    reason = EventReason.RUN_FAILED if after.state == "Failed" else EventReason.ATTEMPT_FAILED
    hint = f" Hint: {failure.hint}" if failure.hint else ""
    found.append(Event("Warning", reason, f"run {after.run_id}: {failure.reason}: {failure.message}.{hint}"))
    return found


def _of_versions(before: TFModelStatus, after: TFModelStatus) -> list[Event]:
    found: list[Event] = []
    if after.active_version is not None and after.active_version != before.active_version:
        found.append(Event("Normal", EventReason.VERSION_ACTIVE, f"version {after.active_version} answers"))
    failed_before = {version.version for version in before.versions or () if version.state == "Failed"}
    for version in after.versions or ():
        if version.state == "Failed" and version.version not in failed_before and version.last_failure is not None:
            text = f"version {version.version}: {version.last_failure.message}"
            found.append(Event("Warning", EventReason.VERSION_FAILED, text))
    return found


def _of_readiness(before: Condition | None, after: Condition | None) -> list[Event]:
    was, now = before is not None and before.status == "True", after is not None and after.status == "True"
    if after is None or was == now:
        return []
    if now:
        return [Event("Normal", EventReason.BECAME_READY, after.message)]
    return [Event("Warning", EventReason.BECAME_UNREADY, f"{after.reason}: {after.message}")]


def _of_stalling(before: Condition | None, after: Condition | None) -> list[Event]:
    if after is None or (before is not None and before.reason == after.reason):
        return []
    return [Event("Warning", EventReason.STALLED, f"{after.reason}: {after.message}")]
