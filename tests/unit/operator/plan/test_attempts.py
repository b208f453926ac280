"""What is said of a run while an attempt follows one that failed, and while none does."""

from typing import Any

import pytest

from testkit.world import (
    NOW,
    RELEASE,
    TRAINING,
    a_deployment,
    a_finished_run,
    a_job,
    a_job_pod,
    a_refusal,
    a_runtime_pod,
    a_tfmodel,
    answers,
    conditions_of,
    ended,
    running,
    waiting,
)
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.plan import plan
from tfmodel_operator.values import Manifest, Observation, Plan

BOOM = "UserCodeError: container train ended with exit code 1: ValueError: boom. Hint: see logTail"
DISRUPTED = [{"type": "DisruptionTarget", "status": "True"}]


def planned(model: TFModel, *pods: Manifest, **of_job: Any) -> Plan:
    return plan(model, Observation(jobs=(a_job(model, **of_job),), pods=pods), NOW, RELEASE)


def message(made: Plan, kind: str = "Ready") -> str:
    return next(one.message for one in made.status.conditions or () if one.type == kind)


def failed(model: TFModel, number: int = 0, *, phase: str = "Failed", **status: Any) -> Manifest:
    """The pod of an attempt whose training raised an error."""
    return a_job_pod(model, ended("train", 1, message="ValueError: boom"), phase=phase, number=number, **status)


def test_while_a_second_attempt_trains_ready_tells_both() -> None:
    model = a_tfmodel()
    made = planned(model, failed(model), a_job_pod(model, running("train"), number=1), active=1, failed=1)
    said = conditions_of(made.status)
    assert said["Ready"] == said["Trained"] == ("False", "Retrying")
    assert message(made).startswith(f"run 1: attempt 2 trains; attempt 1 failed: {BOOM}")
    assert ("Stalled" in said, said["Reconciling"]) == (False, ("True", "Progressing"))
    assert made.status.phase == "Training"
    assert made.status.training is not None
    assert made.status.training.last_failure is not None
    assert made.status.training.last_failure.reason == "UserCodeError"


def test_the_third_is_told_of_the_second_and_of_what_it_does() -> None:
    model = a_tfmodel()
    pods = (failed(model), failed(model, 1), a_job_pod(model, ended("train"), running("export"), number=2))
    assert message(planned(model, *pods, active=1, failed=2)).startswith(
        "run 1: attempt 3 exports the model; attempt 2"
    )


def test_an_attempt_is_due_from_when_the_one_before_has_failed() -> None:
    model = a_tfmodel()
    assert message(planned(model, failed(model), failed=1)).startswith("run 1: attempt 2 is due; attempt 1 failed: ")
    ends = a_job_pod(model, running("progress"), ended("train", 1, message="ValueError: boom"))
    assert message(planned(model, ends, active=1)).startswith("run 1: attempt 2 is due; attempt 1 failed: ")


LAST: dict[str, tuple[str, dict[str, Any], list[dict[str, Any]]]] = {
    "of one": ("UserCodeError", {"backoffLimit": 0}, [ended("train", 1, message="ValueError: boom")]),
    "for good": ("ThresholdNotMet", {}, [ended("train"), ended("export", 42, message=a_refusal("ThresholdNotMet"))]),
    "of all workers": ("InternalError", {"workers": 2}, [ended("train"), ended("export", 1)]),
}


@pytest.mark.parametrize("name", LAST)
def test_of_the_last_attempt_the_cause_is_told_before_its_job_is_over(name: str) -> None:
    reason, training, containers = LAST[name]
    model = a_tfmodel(training={**TRAINING, **training})
    made = planned(model, a_job_pod(model, *containers, phase="Failed"), active=1)
    assert conditions_of(made.status)["Ready"] == ("False", reason)


def test_an_attempt_that_cannot_start_tells_what_keeps_it() -> None:
    model = a_tfmodel()
    waits = a_job_pod(model, waiting("train", "ImagePullBackOff", "not found"), phase="Pending", number=1)
    said = conditions_of(planned(model, failed(model), waits, active=1, failed=1).status)
    assert said["Ready"] == ("False", "ImagePullFailed")
    assert said["Stalled"] == ("True", "ImagePullFailed")


def test_what_kept_an_attempt_from_its_start_is_forgotten_once_it_trains() -> None:
    model = a_tfmodel()
    waits = a_job_pod(model, waiting("train", "ImagePullBackOff", "not found"), phase="Pending")
    first = planned(model, waits, active=1)
    then = model.model_copy(update={"status": first.status})
    said = conditions_of(planned(then, a_job_pod(then, running("train")), active=1).status)
    assert said["Ready"] == ("False", "Training")
    assert "Stalled" not in said


def test_a_container_that_could_not_start_is_followed_by_one_that_trains() -> None:
    model = a_tfmodel()
    broken = a_job_pod(model, ended("train", 128, reason="StartError"), phase="Failed")
    made = planned(model, broken, a_job_pod(model, running("train"), number=1), active=1, failed=1)
    assert message(made).startswith("run 1: attempt 2 trains; attempt 1 failed: ConfigMissing: ")
    assert "Stalled" not in conditions_of(made.status)


def test_a_pod_that_was_evicted_is_no_counted_attempt() -> None:
    model = a_tfmodel()
    evicted = failed(model, conditions=DISRUPTED)
    made = planned(model, evicted, a_job_pod(model, running("train"), number=1), active=1)
    assert message(made).startswith("run 1: another attempt trains; the one before it failed: ")


def test_of_several_workers_each_pod_counts_and_no_attempt_is_numbered() -> None:
    model = a_tfmodel(training={**TRAINING, "workers": 2})
    made = planned(model, failed(model), a_job_pod(model, running("train"), number=1), active=1, failed=1)
    assert message(made).startswith("run 1: another attempt trains; the one before it failed: ")


def test_a_run_that_is_held_is_suspended_whatever_failed_before() -> None:
    model = a_tfmodel(training={**TRAINING, "suspend": True})
    said = conditions_of(plan(model, Observation(jobs=(a_job(model, "Suspended", failed=1),)), NOW, RELEASE).status)
    again = model.model_copy(update={"status": planned(model, failed(model), failed=1).status})
    held = plan(again, Observation(jobs=(a_job(again, "Suspended", failed=1),)), NOW, RELEASE)
    assert said["Ready"] == conditions_of(held.status)["Ready"] == ("False", "Suspended")
    assert held.status.training is not None
    assert held.status.training.last_failure is not None


def test_a_run_whose_job_was_lost_is_tried_again() -> None:
    model = a_tfmodel()
    first = planned(model, a_job_pod(model, running("train")), active=1)
    made = plan(model.model_copy(update={"status": first.status}), Observation(), NOW, RELEASE)
    assert conditions_of(made.status)["Ready"] == ("False", "Retrying")
    assert message(made).startswith("run 1: another attempt is due; the one before it failed: JobLost: Job ")


def test_the_version_before_serves_while_a_run_is_tried_again() -> None:
    one = a_tfmodel()
    finished, pod = a_finished_run(one)
    serving = (pod, a_runtime_pod(one))
    world = {"deployment": a_deployment(one), "served": {"iris-0": answers(v1="AVAILABLE")}}
    first = plan(one, Observation(jobs=(finished,), pods=serving, **world), NOW, RELEASE)  # type: ignore[arg-type]
    two = a_tfmodel(training={**TRAINING, "runId": "2"}, status=first.status)
    jobs = (finished, a_job(two, active=1, failed=1))
    pods = (*serving, failed(two), a_job_pod(two, running("train"), number=1))
    made = plan(two, Observation(jobs=jobs, pods=pods, **world), NOW, RELEASE)  # type: ignore[arg-type]
    said = conditions_of(made.status)
    assert said["Ready"] == ("True", "ServingPreviousVersion")
    assert f"Retrying: run 2: attempt 2 trains; attempt 1 failed: {BOOM}" in message(made)
    assert said["Degraded"] == ("True", "Retrying")


def test_of_an_attempt_that_succeeds_after_another_nothing_is_left() -> None:
    model = a_tfmodel()
    finished, _ = a_finished_run(model)
    pod = a_job_pod(model, ended("train"), phase="Succeeded", number=1)
    pod["status"]["containerStatuses"] = a_finished_run(model)[1]["status"]["containerStatuses"]
    made = plan(model, Observation(jobs=(finished,), pods=(failed(model), pod)), NOW, RELEASE)
    assert conditions_of(made.status)["Trained"] == ("True", "RunSucceeded")
    assert made.status.training is not None
    assert made.status.training.last_failure is None
