"""What a runtime pod that is not ready tells: why, where it cannot load a version; never that it serves one."""

from typing import Any

import pytest

from testkit.world import (
    NOW,
    RELEASE,
    TRAINING,
    a_deployment,
    a_finished_run,
    a_runtime_pod,
    a_tfmodel,
    answers,
    conditions_of,
    waiting,
)
from tfmodel_operator.plan import plan
from tfmodel_operator.plan.serving import telling_pods
from tfmodel_operator.values import Manifest, Observation, Plan

TOO_LARGE = "it needs about 1080 MiB, and 870 MiB are left of the memory limit"


def planned(*pods: Manifest, **served: str) -> Plan:
    """The plan for the version of a second run, with what the pods tell, by their names: v1 is AVAILABLE, and a version 2."""
    model = a_tfmodel(training={**TRAINING, "runId": "2"}, serving={"replicas": len(pods)})
    finished, pod = a_finished_run(model, version=2, stored=(1, 2))
    told = {name.replace("_", "-"): answers(v2=said) for name, said in served.items()}
    seen = Observation(
        jobs=(finished,), pods=(pod, *pods), deployment=a_deployment(model, ready=len(pods) - 1), served=told
    )
    return plan(model, seen, NOW, RELEASE)


def test_a_first_version_that_cannot_be_loaded_tells_why() -> None:
    made = planned(a_runtime_pod(a_tfmodel(), ready=False), iris_0=f"LOADING {TOO_LARGE}")
    said = conditions_of(made.status)
    assert said["Ready"] == said["ModelValid"] == ("False", "VersionLoadFailed")
    assert said["Stalled"] == ("True", "VersionLoadFailed")
    ready = next(one for one in made.status.conditions or () if one.type == "Ready")
    assert TOO_LARGE in ready.message
    assert made.status.phase == "Failed"


def test_a_version_that_loads_is_not_served_by_a_pod_that_is_not_ready() -> None:
    made = planned(a_runtime_pod(a_tfmodel(), ready=False), iris_0="AVAILABLE")
    assert conditions_of(made.status)["Ready"] == ("False", "Deploying")
    assert made.status.active_version is None


def test_a_version_that_every_ready_pod_serves_has_not_failed() -> None:
    model = a_tfmodel()
    pods = (a_runtime_pod(model), a_runtime_pod(model, "iris-1", ready=False))
    made = planned(*pods, iris_0="AVAILABLE", iris_1=f"LOADING {TOO_LARGE}")
    assert (made.status.versions or [])[0].state == "Available"
    assert conditions_of(made.status)["Ready"] == ("True", "Serving")


def unready(**changes: Any) -> Manifest:
    pod = a_runtime_pod(a_tfmodel(), ready=False)
    return {**pod, **{name: {**pod[name], **fields} for name, fields in changes.items()}}


SILENT = {
    "on its way out": unready(metadata={"deletionTimestamp": "2026-01-02T03:04:00Z"}),
    "on a lost node": unready(status={"conditions": [{"type": "Ready", "status": "False"}]}),
    "not started": a_runtime_pod(a_tfmodel(), "iris-0", waiting("runtime", "ContainerCreating"), ready=False),
}


@pytest.mark.parametrize("pod", SILENT.values(), ids=SILENT)
def test_a_pod_that_cannot_answer_keeps_nobody_waiting(pod: Manifest) -> None:
    others = (unready(), a_runtime_pod(a_tfmodel(), "iris-1"))
    assert telling_pods(Observation(pods=(pod, *others))) == others
