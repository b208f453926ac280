"""What is planned and said, from the first look at a TFModel to its being served."""

from datetime import timedelta

import pytest

from testkit.planning import after, kinds, planned, served
from testkit.world import (
    NOW,
    RELEASE,
    TRAINING,
    a_deployment,
    a_finished_run,
    a_job,
    a_job_pod,
    a_runtime_pod,
    a_tfmodel,
    answers,
    conditions_of,
    ended,
    running,
)
from tfmodel_operator.plan import LOADING_POLL, SERVING_POLL, plan
from tfmodel_operator.plan.naming import job_name, run_key
from tfmodel_operator.read import name_of


def test_a_new_model_gets_a_volume_and_one_job() -> None:
    made = planned(a_tfmodel())
    assert kinds(made) == ["PersistentVolumeClaim", "Job"]
    assert conditions_of(made.status)["Ready"] == ("False", "RunPending")
    assert made.status.phase == "Pending"


def test_a_model_on_an_existing_claim_gets_no_volume() -> None:
    made = planned(a_tfmodel(storage={"existingClaim": "models"}))
    assert kinds(made) == ["Job"]


def test_a_job_that_is_there_is_left_alone() -> None:
    model = a_tfmodel()
    made = planned(model, jobs=(a_job(model, active=1),), pods=(a_job_pod(model, running("train")),))
    assert "Job" not in kinds(made)
    assert made.status.phase == "Training"
    assert made.status.training is not None
    assert made.status.training.state == "Running"


def test_the_export_step_shows() -> None:
    model = a_tfmodel()
    made = planned(model, jobs=(a_job(model),), pods=(a_job_pod(model, ended("train"), running("export")),))
    assert made.status.phase == "Exporting"


def test_it_shows_until_the_job_is_over_too() -> None:
    model = a_tfmodel()
    finished, pod = a_finished_run(model)
    finished["status"].pop("conditions")
    made = planned(model, jobs=(finished,), pods=(pod,))
    assert (made.status.phase, made.status.training and made.status.training.state) == ("Exporting", "Running")


def test_a_finished_run_is_served() -> None:
    model = a_tfmodel()
    finished, pod = a_finished_run(model)
    made = planned(model, jobs=(finished,), pods=(pod,))
    assert kinds(made) == ["PersistentVolumeClaim", "Deployment", "Service"]
    assert made.status.target_version == 1
    assert conditions_of(made.status)["Trained"] == ("True", "RunSucceeded")
    assert conditions_of(made.status)["Ready"] == ("False", "Deploying")
    assert made.requeue_after == LOADING_POLL


def test_a_served_version_is_ready() -> None:
    model = a_tfmodel()
    made = plan(model, served(model), NOW, RELEASE)
    assert conditions_of(made.status)["Ready"] == ("True", "Serving")
    assert not {"Reconciling", "Stalled", "Degraded"} & set(conditions_of(made.status))
    assert (made.status.active_version, made.status.phase, made.status.replicas_summary) == (1, "Ready", "1/1")
    assert (made.requeue_after, made.ask_after) == (None, SERVING_POLL)
    assert {event.reason for event in made.events} >= {"RunSucceeded", "VersionActive", "BecameReady"}


def test_a_second_look_changes_nothing_and_tells_nothing() -> None:
    model = a_tfmodel()
    first = plan(model, served(model), NOW, RELEASE)
    second = plan(after(model, first), served(model), NOW, RELEASE)
    assert second.status == first.status
    assert second.events == ()


def test_a_pod_that_is_ready_but_does_not_tell_is_not_believed() -> None:
    model = a_tfmodel()
    finished, pod = a_finished_run(model)
    made = planned(model, jobs=(finished,), pods=(pod, a_runtime_pod(model)), deployment=a_deployment(model))
    assert conditions_of(made.status)["Ready"] == ("False", "Deploying")


def test_a_finished_run_whose_job_was_deleted_is_not_run_again() -> None:
    model = a_tfmodel()
    first = plan(model, served(model), NOW, RELEASE)
    made = planned(after(model, first), pods=(a_runtime_pod(model),), deployment=a_deployment(model))
    assert "Job" not in kinds(made)
    assert made.status.training == first.status.training


def test_a_failed_run_whose_job_was_deleted_is_not_run_again() -> None:
    model = a_tfmodel()
    pod = a_job_pod(model, ended("train", 1, message="boom"), phase="Failed")
    first = planned(model, jobs=(a_job(model, "Failed", reason="BackoffLimitExceeded"),), pods=(pod,))
    made = planned(after(model, first))
    assert "Job" not in kinds(made)
    assert conditions_of(made.status)["Trained"] == ("False", "UserCodeError")


def test_a_job_that_was_lost_before_it_ended_is_made_again() -> None:
    model = a_tfmodel()
    first = planned(model, jobs=(a_job(model, active=1),), pods=(a_job_pod(model, running("train")),))
    made = planned(after(model, first))
    assert "Job" in kinds(made)
    assert made.status.training is not None
    assert made.status.training.last_failure is not None
    assert made.status.training.last_failure.reason == "JobLost"


def test_going_back_to_a_run_that_became_a_version_trains_nothing() -> None:
    one = a_tfmodel()
    first = plan(one, served(one), NOW, RELEASE)
    two = a_tfmodel(training={**TRAINING, "runId": "2"}, status=first.status)
    finished, pod = a_finished_run(two, version=2)
    second = planned(two, jobs=(finished,), pods=(pod,))
    back = planned(after(one, second))
    assert "Job" not in kinds(back)
    assert back.status.training is not None
    assert back.status.training.version == 1


def test_a_new_run_id_trains_again_while_the_old_version_serves() -> None:
    one = a_tfmodel()
    first = plan(one, served(one), NOW, RELEASE)
    two = a_tfmodel(training={**TRAINING, "runId": "2"}, status=first.status, generation=2)
    made = plan(two, served(one), NOW, RELEASE)
    assert "Job" in kinds(made)
    assert conditions_of(made.status)["Ready"] == ("True", "Serving")
    assert conditions_of(made.status)["Reconciling"] == ("True", "Progressing")
    assert made.status.active_version == 1


def test_a_second_version_changes_no_pod_template() -> None:
    one = a_tfmodel()
    first = plan(one, served(one), NOW, RELEASE)
    two = a_tfmodel(training={**TRAINING, "runId": "2"}, status=first.status)
    finished, pod = a_finished_run(two, version=2)
    second = planned(two, jobs=(finished,), pods=(pod, a_runtime_pod(two)), deployment=a_deployment(two))
    templates = [
        one.manifest["spec"]["template"]
        for made in (first, second)
        for one in made.apply
        if one.manifest["kind"] == "Deployment"
    ]
    assert len(templates) == 2
    assert templates[0] == templates[1]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"suspend": True}, True),
        ({"backoffLimit": 2}, True),
        ({"params": {"epochs": "3"}}, False),
        ({"runId": "2"}, False),
        ({"args": ["--fast"]}, False),
    ],
)
def test_a_run_is_named_by_what_it_is_made_from(change: dict[str, object], same: bool) -> None:
    assert (run_key(a_tfmodel()) == run_key(a_tfmodel(training={**TRAINING, **change}))) is same


def test_a_run_that_nobody_waits_for_is_ended() -> None:
    old = a_tfmodel()
    new = a_tfmodel(training={**TRAINING, "runId": "2"})
    made = planned(new, jobs=(a_job(old, active=1),))
    assert [key.name for key in made.delete] == [job_name(old)]
    assert "Job" not in kinds(made)


@pytest.mark.parametrize(("seconds_ago", "begins"), [(-20, False), (29, False), (30, True)])
def test_a_run_begins_once_the_pod_before_it_is_gone_or_on_a_lost_node(seconds_ago: int, begins: bool) -> None:
    old, new = a_tfmodel(), a_tfmodel(training={**TRAINING, "params": {"epochs": "3"}})
    pod = a_job_pod(old, running("train"))
    pod["metadata"]["deletionTimestamp"] = (NOW - timedelta(seconds=seconds_ago)).isoformat()
    made = planned(new, pods=(pod,))
    assert ("Job" in kinds(made)) is begins
    trained = next(one for one in made.status.conditions or () if one.type == "Trained")
    waits = f"begins when Job {job_name(old)} has ended"
    assert (trained.reason, trained.message) == ("RunPending", f"run 1: {f'Job {job_name(new)}' if begins else waits}")


def test_a_pod_that_has_ended_holds_no_run_up() -> None:
    old, new = a_tfmodel(), a_tfmodel(training={**TRAINING, "runId": "2"})
    pod = a_job_pod(old, ended("train", 1), phase="Failed")
    assert "Job" in kinds(planned(new, jobs=(a_job(old, "Failed"),), pods=(pod, a_runtime_pod(old))))


def test_a_suspended_run_waits_for_nothing_but_its_release() -> None:
    new = a_tfmodel(training={**TRAINING, "runId": "2", "suspend": True})
    made = planned(new, jobs=(a_job(a_tfmodel(), active=1),))
    assert conditions_of(made.status)["Trained"] == ("False", "Suspended")
    assert len(made.delete) == 1


def test_a_suspended_run_makes_no_job() -> None:
    made = planned(a_tfmodel(training={**TRAINING, "suspend": True}))
    assert "Job" not in kinds(made)
    assert made.status.phase == "Suspended"
    assert "Reconciling" not in conditions_of(made.status)


def test_suspend_is_switched_on_a_job_that_runs() -> None:
    model = a_tfmodel(training={**TRAINING, "suspend": True})
    made = planned(model, jobs=(a_job(a_tfmodel(), active=1),))
    switched = [one for one in made.apply if one.manifest["kind"] == "Job"]
    assert [one.manifest["spec"] for one in switched] == [{"suspend": True}]
    assert switched[0].manager != "tfmodel-operator"


def test_a_paused_model_is_left_as_it_is() -> None:
    model = a_tfmodel()
    first = plan(model, served(model), NOW, RELEASE)
    made = planned(a_tfmodel(paused=True, training={**TRAINING, "runId": "9"}, status=first.status))
    assert (made.apply, made.delete) == ((), ())
    assert made.status.phase == "Paused"
    assert conditions_of(made.status)["Ready"] == ("True", "Serving")
    assert made.status.active_version == 1


def test_scaled_to_zero_keeps_the_versions() -> None:
    model = a_tfmodel(serving={"replicas": 0})
    finished, pod = a_finished_run(model)
    made = planned(model, jobs=(finished,), pods=(pod,), deployment=a_deployment(model))
    assert made.status.phase == "Stopped"
    assert conditions_of(made.status)["Ready"] == ("False", "ScaledToZero")
    assert "Stalled" not in conditions_of(made.status)


def test_pinning_is_a_change_of_the_runtimes_policy() -> None:
    model = a_tfmodel(serving={"pinnedVersion": 1})
    finished, pod = a_finished_run(model, version=2, stored=(1, 2))
    made = planned(model, jobs=(finished,), pods=(pod,))
    pods = next(one.manifest for one in made.apply if one.manifest["kind"] == "Deployment")
    assert "--model_version_policy=specific:1" in pods["spec"]["template"]["spec"]["containers"][0]["args"]
    assert made.status.target_version == 1


def test_a_pinned_version_that_does_not_exist_leaves_the_pods_alone() -> None:
    one = a_tfmodel()
    first = plan(one, served(one), NOW, RELEASE)
    pinned = a_tfmodel(serving={"pinnedVersion": 7}, status=first.status)
    made = plan(pinned, served(one), NOW, RELEASE)
    assert "Deployment" not in kinds(made)
    assert conditions_of(made.status)["Ready"] == ("True", "ServingPreviousVersion")
    assert conditions_of(made.status)["Stalled"] == ("True", "VersionNotFound")


def test_a_pruned_version_is_retired() -> None:
    one = a_tfmodel()
    first = plan(one, served(one), NOW, RELEASE)
    two = a_tfmodel(training={**TRAINING, "runId": "2"}, status=first.status)
    finished, pod = a_finished_run(two, version=2, stored=(2,))
    made = planned(two, jobs=(finished,), pods=(pod,))
    states = {version.version: version.state for version in made.status.versions or ()}
    assert states == {2: "Loading", 1: "Retired"}


def test_an_imported_model_has_no_training_step() -> None:
    made = planned(a_tfmodel(source={"uri": "pvc://models/flowers.keras"}))
    pods = next(one.manifest for one in made.apply if one.manifest["kind"] == "Job")["spec"]["template"]["spec"]
    assert "initContainers" not in pods
    assert [name_of({"metadata": one}) for one in pods["containers"]] == ["export"]


def test_finished_jobs_of_older_runs_are_kept_up_to_two() -> None:
    runs = [a_tfmodel(training={**TRAINING, "runId": str(number)}) for number in range(1, 5)]
    jobs = []
    for number, old in enumerate(runs):
        found = a_job(old, "Complete")
        found["metadata"]["creationTimestamp"] = f"2026-01-0{number + 1}T00:00:00Z"
        jobs.append(found)
    made = planned(a_tfmodel(training={**TRAINING, "runId": "9"}), jobs=tuple(jobs))
    assert [key.name for key in made.delete] == [job_name(runs[1]), job_name(runs[0])]


def test_a_version_that_pods_serve_before_its_jobs_report_was_seen_is_known() -> None:
    one = a_tfmodel()
    first = plan(one, served(one), NOW, RELEASE)
    two = a_tfmodel(training={**TRAINING, "runId": "2"}, status=first.status)
    pods = (a_runtime_pod(two),)
    swapped = {"iris-0": answers(v2="AVAILABLE", v1="END")}
    early = planned(two, jobs=(a_job(two),), pods=pods, deployment=a_deployment(two), served=swapped)
    assert {one.version: one.state for one in early.status.versions or ()} == {2: "Available", 1: "Published"}
    finished, pod = a_finished_run(two, version=2)
    seen = {"jobs": (finished,), "pods": (pod, *pods), "deployment": a_deployment(two), "served": swapped}
    late = planned(after(two, early), **seen)
    newest = (late.status.versions or [])[0]
    assert (newest.version, newest.run_key, newest.state) == (2, run_key(two), "Available")
