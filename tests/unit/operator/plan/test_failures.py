"""What is said when things go wrong: the cause, a hint, and that the version before still serves."""

import pytest

from testkit.planning import after, planned, served
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
    waiting,
)
from tfmodel_operator.plan import plan
from tfmodel_operator.values import ApplyError, ObjectKey, Observation

FAILURES = [
    ("UserCodeError", "training.runId", [ended("train", 1, message="Traceback\nValueError: boom")]),
    ("OOMKilled", "resources.limits.memory", [ended("train", 137, reason="OOMKilled")]),
    ("ThresholdNotMet", "mend it", [ended("train"), ended("export", 42, message=a_refusal("ThresholdNotMet"))]),
    ("SignatureMissing", "mend it", [ended("train"), ended("export", 42, message=a_refusal("SignatureMissing"))]),
    ("BadSavedModel", "mend it", [ended("train"), ended("export", 42, message=a_refusal("BadSavedModel"))]),
]


@pytest.mark.parametrize(("reason", "hint", "containers"), FAILURES, ids=[one[0] for one in FAILURES])
def test_a_failed_run_tells_its_cause_and_the_old_version_serves(
    reason: str, hint: str, containers: list[dict[str, object]]
) -> None:
    one = a_tfmodel()
    first = plan(one, served(one), NOW, RELEASE)
    two = a_tfmodel(training={**TRAINING, "runId": "2"}, status=first.status)
    world = served(one)
    pod = a_job_pod(two, *containers, phase="Failed")
    seen = Observation(
        jobs=(*world.jobs, a_job(two, "Failed", reason="PodFailurePolicy")),
        pods=(*world.pods, pod),
        deployment=world.deployment,
        served=world.served,
    )
    made = plan(two, seen, NOW, RELEASE)
    said = conditions_of(made.status)
    assert said["Trained"] == ("False", reason)
    assert said["Stalled"] == ("True", reason)
    assert said["Degraded"] == ("True", reason)
    assert said["Ready"] == ("True", "ServingPreviousVersion")
    assert made.status.training is not None
    assert made.status.training.last_failure is not None
    assert hint in made.status.training.last_failure.hint
    gone = planned(after(two, made), pods=(a_runtime_pod(two),), deployment=a_deployment(two), served=world.served)
    assert gone.status.training == made.status.training


def test_the_message_names_the_exception_wherever_the_log_has_it() -> None:
    model = a_tfmodel()
    log = "Traceback (most recent call last):\n  File\nkeras.src.ValueError: boom\nprinted before\n"
    pod = a_job_pod(model, ended("train", 1, message=log), phase="Failed")
    made = planned(model, jobs=(a_job(model, failed=1),), pods=(pod,))
    assert made.status.training is not None
    failure = made.status.training.last_failure
    assert failure is not None
    assert failure.message == "container train ended with exit code 1: keras.src.ValueError: boom"


def test_a_log_tail_is_kept_and_its_secrets_are_not() -> None:
    model = a_tfmodel()
    log = "connecting to https://me:hunter2@store\npassword=hunter2\nValueError: boom"
    pod = a_job_pod(model, ended("train", 1, message=log), phase="Failed")
    made = planned(model, jobs=(a_job(model, failed=1),), pods=(pod,))
    assert made.status.training is not None
    failure = made.status.training.last_failure
    assert failure is not None
    assert failure.log_tail == ["connecting to https://***@store", "password=***", "ValueError: boom"]
    assert "hunter2" not in made.status.model_dump_json()
    assert made.status.training.state == "Pending"


def test_an_image_that_cannot_be_pulled_is_named() -> None:
    model = a_tfmodel()
    pod = a_job_pod(model, waiting("train", "ImagePullBackOff", "not found"), phase="Pending")
    made = planned(model, jobs=(a_job(model, active=1),), pods=(pod,))
    assert conditions_of(made.status)["Trained"] == ("False", "ImagePullFailed")
    assert conditions_of(made.status)["Stalled"] == ("True", "ImagePullFailed")


def test_a_quota_that_forbids_the_pod_is_named_from_the_jobs_events() -> None:
    model = a_tfmodel()
    waits = a_job(model)
    warning = 'FailedCreate: Error creating: pods "x" is forbidden: exceeded quota: small'
    made = planned(model, jobs=(waits,), warnings={waits["metadata"]["uid"]: (warning,)})
    assert conditions_of(made.status)["Trained"] == ("False", "QuotaExceeded")


def test_an_object_that_the_api_server_refused_is_named() -> None:
    refused = ApplyError(ObjectKey("batch/v1", "Job", "lab", "iris-1"), 403, "Forbidden", "denied by policy")
    made = planned(a_tfmodel(), errors=(refused,))
    assert conditions_of(made.status)["Accepted"] == ("False", "AdmissionRejected")
    ready = next(one for one in made.status.conditions or () if one.type == "Ready")
    assert "Job iris-1: denied by policy" in ready.message


def test_a_version_that_the_runtime_cannot_load_is_failed_and_the_old_one_serves() -> None:
    one = a_tfmodel()
    first = plan(one, served(one), NOW, RELEASE)
    two = a_tfmodel(training={**TRAINING, "runId": "2"}, status=first.status)
    finished, pod = a_finished_run(two, version=2)
    made = planned(
        two,
        jobs=(finished,),
        pods=(pod, a_runtime_pod(two)),
        deployment=a_deployment(two),
        served={"iris-0": answers(v1="AVAILABLE", v2="END data loss")},
    )
    states = {version.version: version.state for version in made.status.versions or ()}
    assert states == {2: "Failed", 1: "Available"}
    assert made.status.active_version == 1
    assert conditions_of(made.status)["Degraded"] == ("True", "VersionLoadFailed")


def test_what_a_container_said_last_can_come_after_the_end_of_its_job() -> None:
    model = a_tfmodel()
    jobs = (a_job(model, "Failed", reason="BackoffLimitExceeded"),)
    first = planned(model, jobs=jobs, pods=(a_job_pod(model, ended("train", 1)),))
    said = a_job_pod(model, ended("train", 1, message="ValueError: boom"), phase="Failed")
    second = planned(after(model, first), jobs=jobs, pods=(said,))
    assert second.status.training is not None
    failure = second.status.training.last_failure
    assert failure is not None
    assert failure.log_tail == ["ValueError: boom"]
    of_another = a_job_pod(model, ended("train", 2, message="before it"), phase="Failed", number=1)
    assert planned(after(model, second), jobs=jobs, pods=(of_another,)).status.training == second.status.training
    assert planned(after(model, second), jobs=jobs).status.training == second.status.training
