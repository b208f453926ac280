"""What status says while a training runs."""

from datetime import timedelta
from typing import Any

from testkit.world import (
    NOW,
    RELEASE,
    TRAINING,
    a_finished_run,
    a_job,
    a_job_pod,
    a_tfmodel,
    ended,
    running,
)
from tfmodel.api.status import TrainingStatus
from tfmodel.api.v1alpha1 import TFModel
from tfmodel.progress import Progress
from tfmodel_operator.plan import PROGRESS_POLL, plan
from tfmodel_operator.plan.training_progress import training_pods
from tfmodel_operator.read import name_of
from tfmodel_operator.values import Observation, Plan

HALF = Progress(
    epoch=3, epochs=6, step=141, progress_percentage=50, estimated_remaining_seconds=9, metrics={"loss": 0.25}
)


def planned(model: TFModel, told: Progress | None = None, *containers: Any, after: float = 0) -> Plan:
    pod = a_job_pod(model, *(containers or (running("progress"), running("train"))))
    seen = Observation(jobs=(a_job(model, active=1),), pods=(pod,), progress={name_of(pod): told} if told else {})
    return plan(model, seen, NOW + timedelta(seconds=after), RELEASE)


def training_of(made: Plan) -> TrainingStatus:
    assert made.status.training is not None
    return made.status.training


def test_what_the_training_tells_stands_in_status() -> None:
    made = planned(a_tfmodel(), HALF)
    said = training_of(made)
    assert (said.progress_percentage, said.epoch, said.epochs, said.step) == (50, 3, 6, 141)
    assert (said.estimated_remaining_seconds, said.metrics) == (9, {"loss": "0.25"})
    assert made.status.phase == "Training"
    assert made.requeue_after == PROGRESS_POLL


def test_status_is_written_at_most_every_ten_seconds() -> None:
    model = a_tfmodel()
    model = model.model_copy(update={"status": planned(model, HALF).status})
    more = HALF.model_copy(update={"progress_percentage": 60})
    assert training_of(planned(model, more, after=9)).progress_percentage == 50
    assert training_of(planned(model, more, after=10)).progress_percentage == 60


def test_a_pod_that_does_not_answer_changes_nothing() -> None:
    model = a_tfmodel()
    model = model.model_copy(update={"status": planned(model, HALF).status})
    assert training_of(planned(model, None, after=60)).progress_percentage == 50


def test_another_run_begins_anew() -> None:
    model = a_tfmodel()
    status = planned(model, HALF).status
    other = a_tfmodel(training={**TRAINING, "runId": "2"}, status=status)
    assert training_of(planned(other)).progress_percentage is None


def test_a_run_that_succeeded_is_done() -> None:
    model = a_tfmodel()
    model = model.model_copy(update={"status": planned(model, HALF).status})
    finished, pod = a_finished_run(model)
    said = training_of(plan(model, Observation(jobs=(finished,), pods=(pod,)), NOW, RELEASE))
    assert (said.progress_percentage, said.estimated_remaining_seconds, said.epoch) == (100, None, 3)
    assert said.metrics == {"accuracy": "0.97"}


def test_only_the_chief_that_trains_is_asked() -> None:
    model = a_tfmodel(training={**TRAINING, "workers": 2})
    pods = []
    for number in range(2):
        pod = a_job_pod(model, running("progress"), running("train"), number=number)
        pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] = str(number)
        pods.append(pod)
    exporting = a_job_pod(a_tfmodel(), running("progress"), ended("train"), running("export"), number=3)
    asked = training_pods(Observation(pods=(*pods, exporting)))
    assert [name_of(pod) for pod in asked] == [name_of(pods[0])]


def test_the_sidecar_is_no_sign_of_a_training_that_runs() -> None:
    made = planned(
        a_tfmodel(), None, running("progress"), {"name": "train", "state": {"waiting": {"reason": "PodInitializing"}}}
    )
    assert (training_of(made).state, made.status.phase) == ("Pending", "Pending")
