"""The types as the operator and `tfmodel run` parse with them: what is stored comes back, what is meant otherwise is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from testkit.world import NOW, RELEASE, a_deployment, a_finished_run, a_job, a_job_pod, a_runtime_pod, a_tfmodel, ended
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.plan import plan
from tfmodel_operator.values import Observation

SCRIPT = {"configMapRef": {"name": "iris", "key": "train.py"}}


def parsed(**spec: Any) -> TFModel:
    return TFModel.model_validate(
        {"apiVersion": "tfmodel.dev/v1alpha1", "kind": "TFModel", "metadata": {"name": "a"}, "spec": spec}
    )


def observations() -> dict[str, Observation]:
    model = a_tfmodel()
    job, pod = a_finished_run(model)
    killed = a_job_pod(model, ended("train", 137, reason="OOMKilled", message="killed"), phase="Failed")
    return {
        "nothing": Observation(),
        "trained": Observation(jobs=(job,), pods=(pod,)),
        "failed": Observation(jobs=(a_job(model, "Failed", reason="BackoffLimitExceeded"),), pods=(killed,)),
        "serving": Observation(jobs=(job,), pods=(pod, a_runtime_pod(model)), deployment=a_deployment(model)),
    }


@pytest.mark.parametrize("seen", observations().values(), ids=observations().keys())
def test_a_status_that_was_stored_is_read_back_as_it_was(seen: Observation) -> None:
    status = plan(a_tfmodel(), seen, NOW, RELEASE).status
    stored = {
        "apiVersion": "tfmodel.dev/v1alpha1",
        "kind": "TFModel",
        "metadata": {"name": "iris"},
        "spec": {"training": {"script": SCRIPT}},
        "status": status.to_json(),
    }
    assert TFModel.model_validate(stored).status == status


def test_defaults_are_those_of_the_crd() -> None:
    spec = parsed(training={"script": SCRIPT}).spec
    assert spec.serving.replicas == 1
    assert spec.storage.on_delete == "Retain"
    assert spec.validation.signature == "serving_default"
    assert (spec.run_id, spec.paused) == ("1", False)


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("serving.replicas", {"serving": {"replicas": "2"}}),
        ("paused", {"paused": "yes"}),
        ("training.params.epochs", {"training": {"script": SCRIPT, "params": {"epochs": 30}}}),
        ("serving.replica", {"serving": {"replica": 2}}),
    ],
)
def test_what_a_person_wrote_otherwise_is_refused_with_its_place(field: str, spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        parsed(**{"training": {"script": SCRIPT}, **spec})
    assert [".".join(str(part) for part in one["loc"]) for one in refused.value.errors()] == [f"spec.{field}"]


def test_an_input_named_twice_is_refused() -> None:
    data = {"name": "train", "configMap": {"name": "iris"}}
    inputs = [{**data, "mountPath": "/data/a"}, {**data, "mountPath": "/data/b"}]
    with pytest.raises(ValidationError, match="each name may be there once"):
        parsed(training={"script": SCRIPT, "inputs": inputs})
