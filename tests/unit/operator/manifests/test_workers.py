"""A Job of several workers: how they find each other, what counts as their failure."""

import json
from typing import Any

import yaml

from testkit.world import NOW, RELEASE, TRAINING, a_job, a_job_manifest, a_tfmodel
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.plan import plan
from tfmodel_operator.plan.naming import job_name
from tfmodel_operator.values import Observation

TWO = a_tfmodel(training={**TRAINING, "workers": 2, "backoffLimit": 3})


def container(job: dict[str, Any], name: str) -> dict[str, Any]:
    pod = job["spec"]["template"]["spec"]
    found: dict[str, Any] = next(one for one in (*pod["initContainers"], *pod["containers"]) if one["name"] == name)
    return found


def variables(of: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in of["env"]}


def tf_config(model: TFModel, index: int) -> dict[str, Any]:
    text = variables(container(a_job_manifest(model), "train"))["TF_CONFIG"]["value"]
    found: dict[str, Any] = json.loads(text.replace("$(JOB_COMPLETION_INDEX)", str(index)))
    return found


def test_each_pod_is_named_and_knows_all_others() -> None:
    job, name = a_job_manifest(TWO), job_name(TWO)
    assert {part: job["spec"][part] for part in ("completionMode", "completions", "parallelism")} == {
        "completionMode": "Indexed",
        "completions": 2,
        "parallelism": 2,
    }
    assert job["spec"]["template"]["spec"]["subdomain"] == name
    assert tf_config(TWO, 1) == {
        "cluster": {"worker": [f"{name}-0.{name}.lab.svc:2222", f"{name}-1.{name}.lab.svc:2222"]},
        "task": {"type": "worker", "index": 1},
    }


def test_the_index_is_defined_before_it_is_used() -> None:
    names = [one["name"] for one in container(a_job_manifest(TWO), "train")["env"]]
    assert names.index("JOB_COMPLETION_INDEX") < names.index("TF_CONFIG")


def test_the_export_step_knows_whether_it_is_the_chiefs() -> None:
    assert "JOB_COMPLETION_INDEX" in variables(container(a_job_manifest(TWO), "export"))
    assert "JOB_COMPLETION_INDEX" not in variables(container(a_job_manifest(a_tfmodel()), "export"))


def test_the_names_resolve_before_the_pods_are_ready_and_go_with_the_job() -> None:
    job = a_job(TWO)
    made = plan(TWO, Observation(jobs=(job,)), NOW, RELEASE)
    service = next(one.manifest for one in made.apply if one.manifest["kind"] == "Service")
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["clusterIP"] == "None"
    assert service["metadata"]["name"] == job_name(TWO)
    assert [owner["uid"] for owner in service["metadata"]["ownerReferences"]] == [job["metadata"]["uid"]]


def test_every_worker_may_fail_with_each_try() -> None:
    assert a_job_manifest(TWO)["spec"]["backoffLimit"] == (3 + 1) * 2 - 1
    assert a_job_manifest(a_tfmodel())["spec"]["backoffLimit"] == 2


def test_a_chief_that_cannot_export_is_not_trained_again_alone() -> None:
    codes = a_job_manifest(TWO)["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]
    assert (codes["operator"], codes["values"]) == ("NotIn", [0])


def test_one_worker_is_a_plain_job() -> None:
    text = yaml.safe_dump(a_job_manifest(a_tfmodel()))
    assert not any(word in text for word in ("Indexed", "subdomain", "TF_CONFIG", "JOB_COMPLETION_INDEX"))


def test_the_training_sees_its_runs_folder_of_the_store_and_nothing_else() -> None:
    mounts = [one for one in container(a_job_manifest(a_tfmodel()), "train")["volumeMounts"] if one["name"] == "store"]
    key = job_name(a_tfmodel()).removeprefix("iris-")
    assert {one["mountPath"]: one["subPath"] for one in mounts} == {
        "/tfmodel/run": f"iris/.runs/{key}",
    }
