"""Which versions exist, which are wanted, which are served.

A version becomes known when the report of a completed Job names it; the same report lists what the store holds, so that
pruned ones are known to be gone. What is served is what ready runtime pods say, not what they were asked to.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tfmodel.api.reasons import FailureReason
from tfmodel.api.status import ExportedFormat, LastFailure, VersionStatus
from tfmodel.api.v1alpha1 import TFModel
from tfmodel.contract import ExportReport
from tfmodel_operator.plan.training import Run, report_of_job
from tfmodel_operator.read import at, name_of
from tfmodel_operator.values import LABEL_RUN, Manifest, Observation, ServedVersion

_RETIRED_KEPT = 5
Answer = tuple[ServedVersion, ...]


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of a model, newest first, and what the spec wants of them."""

    known: tuple[VersionStatus, ...]
    wanted: tuple[int, ...]
    """Versions that the policy asks for and the store holds, highest first."""
    missing: tuple[int, ...]
    """Versions that the spec names and the store does not hold."""
    active: int | None
    """Highest version that every ready runtime pod answers with."""
    policy: str
    """The runtime's flag."""

    @property
    def target(self) -> int | None:
        """The version that will serve when all is done."""
        return max(self.wanted, default=None)

    @property
    def failed(self) -> VersionStatus | None:
        """The highest wanted version that the runtime could not load."""
        return next((version for version in self.known if version.state == "Failed"), None)

    @property
    def in_store(self) -> tuple[int, ...]:
        """Numbers of the versions that the store holds, highest first."""
        return tuple(version.version for version in self.known if version.state != "Retired")


def assess(model: TFModel, seen: Observation, run: Run, ready: Iterable[Manifest]) -> Versions:
    """The versions, from what status knew, what Jobs reported, and what the ready runtime pods answer.

    Of pods that are not ready only what they cannot load counts.
    """
    answers = [seen.served[name_of(pod)] for pod in ready if name_of(pod) in seen.served]
    stored = _known(model, seen, run, answers)
    names = [version.version for version in stored if version.state != "Retired"]
    wanted = _wanted(model, names)
    known = tuple(_judged(version, wanted, answers, seen.served.values()) for version in stored)
    return Versions(
        known=known,
        wanted=wanted,
        missing=tuple(sorted(_named(model) - set(names))),
        active=_active(answers),
        policy=policy_flag(model),
    )


def policy_flag(model: TFModel) -> str:
    """The runtime's --model_version_policy for the spec; a pinned version outranks the policy."""
    serving = model.spec.serving
    policy = serving.version_policy
    if serving.pinned_version is not None:
        return f"specific:{serving.pinned_version}"
    if policy is not None and policy.specific is not None:
        return f"specific:{','.join(str(version) for version in sorted(policy.specific.versions))}"
    if policy is not None and policy.all is not None:
        return "all"
    return f"latest:{policy.latest.count if policy and policy.latest else 1}"


def _known(model: TFModel, seen: Observation, run: Run, answers: Iterable[Answer]) -> list[VersionStatus]:
    """What status knew, what Jobs reported, and what pods serve before the report of its Job was seen."""
    known = {version.version: version for version in model.status.versions or ()}
    for job, report in _reports(seen):
        version = _published(report, run_key=str(at(job, "metadata", "labels", LABEL_RUN)))
        if version.version not in known or known[version.version].run_key is None:
            known[version.version] = version
    if run.report is not None:
        in_store = set(run.report.stored_versions)
        known = {number: known.get(number) or _found(number) for number in known.keys() | in_store}
        known = {number: _kept_or_retired(version, in_store) for number, version in known.items()}
    available = {served.version for answer in answers for served in answer if served.state == "AVAILABLE"}
    known.update({number: _found(number) for number in available - known.keys()})
    newest_first = sorted(known.values(), key=lambda version: version.version, reverse=True)
    retired = [version for version in newest_first if version.state == "Retired"][_RETIRED_KEPT:]
    return [version for version in newest_first if version not in retired]


def _reports(seen: Observation) -> list[tuple[Manifest, ExportReport]]:
    pairs = [(job, report_of_job(job, seen)) for job in seen.jobs]
    return [(job, report) for job, report in pairs if report is not None]


def _published(report: ExportReport, *, run_key: str) -> VersionStatus:
    assert report.version is not None  # noqa: S101 - report_of_job gives only such reports
    return VersionStatus(
        version=report.version,
        state="Published",
        run_id=run_key.rpartition("-")[0],
        run_key=run_key,
        digest=report.digest,
        tensorflow_version=report.tensorflow_version,
        signatures=list(report.signatures),
        metrics=dict(report.metrics),
        warnings=list(report.warnings) or None,
        exports=[ExportedFormat(**one.model_dump()) for one in report.exports] or None,
        export_digest=report.export_digest,
    )


def _found(number: int) -> VersionStatus:
    """A version that was in the store before: in an existing claim, or kept from an earlier TFModel."""
    return VersionStatus(version=number, state="Published")


def _kept_or_retired(version: VersionStatus, in_store: set[int]) -> VersionStatus:
    return version if version.version in in_store else version.model_copy(update={"state": "Retired"})


def _named(model: TFModel) -> set[int]:
    """Versions that the spec names."""
    serving = model.spec.serving
    if serving.pinned_version is not None:
        return {serving.pinned_version}
    policy = serving.version_policy
    listed = set(policy.specific.versions) if policy and policy.specific else set()
    return listed | set((serving.version_labels or {}).values())


def _wanted(model: TFModel, in_store: list[int]) -> tuple[int, ...]:
    newest_first = sorted(in_store, reverse=True)
    wanted = _named(model) | _by_policy(model, newest_first)
    return tuple(number for number in newest_first if number in wanted)


def _by_policy(model: TFModel, newest_first: list[int]) -> set[int]:
    """What the policy wants beside the versions that are named."""
    serving = model.spec.serving
    policy = serving.version_policy
    if serving.pinned_version is not None or (policy is not None and policy.specific is not None):
        return set()
    if policy is not None and policy.all is not None:
        return set(newest_first)
    return set(newest_first[: policy.latest.count if policy and policy.latest else 1])


def _judged(
    version: VersionStatus, wanted: tuple[int, ...], answers: list[Answer], told: Iterable[Answer]
) -> VersionStatus:
    if version.state == "Retired":
        return version
    error = _load_error(version.version, told)
    state = _state(version.version, wanted, answers, error)
    failed = LastFailure(
        reason=FailureReason.VERSION_LOAD_FAILED,
        message=error,
        hint="train again with a new training.runId, or pin a version that loads with serving.pinnedVersion",
    )
    return version.model_copy(update={"state": state, "last_failure": failed if state == "Failed" else None})


def _state(
    number: int, wanted: tuple[int, ...], answers: list[Answer], error: str
) -> Literal["Published", "Loading", "Available", "Failed"]:
    if answers and all(_is_available(number, answer) for answer in answers):
        return "Available"
    if number not in wanted:
        return "Published"
    return "Failed" if error else "Loading"


def _is_available(number: int, answer: Answer) -> bool:
    return any(served.version == number and served.state == "AVAILABLE" for served in answer)


def _load_error(number: int, answers: Iterable[Answer]) -> str:
    errors = [served.error for answer in answers for served in answer if served.version == number and served.error]
    return errors[0] if errors else ""


def _active(answers: list[Answer]) -> int | None:
    available = [{served.version for served in answer if served.state == "AVAILABLE"} for answer in answers]
    return max(set.intersection(*available), default=None) if available else None
