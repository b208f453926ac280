"""A world of Kubernetes objects for tests of the pure core: builders that read as a sentence and default to a valid object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tfmodel.api.status import TFModelStatus
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.deployment import deployment
from tfmodel_operator.manifests.job import job
from tfmodel_operator.plan.naming import claim_name, job_name, run_key
from tfmodel_operator.plan.versions import policy_flag
from tfmodel_operator.trim import trimmed
from tfmodel_operator.values import Release, ServedVersion

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
THEN = "2026-01-02T03:00:00Z"
RELEASE = Release(
    version="0.1.0",
    runtime_image="tfmodel-runtime:0.1.0",
    trainer_image="tfmodel-trainer:0.1.0",
    tfjs_image="tfmodel-tfjs:0.1.0",
)
INIT_CONTAINERS = ("progress", "train", "fetch")
TRAINING: dict[str, Any] = {"script": {"configMapRef": {"name": "iris", "key": "train.py"}}}
Json = dict[str, Any]


def a_tfmodel(
    name: str = "iris", *, status: TFModelStatus | None = None, generation: int = 1, uid: str = "uid-iris", **spec: Any
) -> TFModel:
    """A TFModel that trains a script, unless `spec` says otherwise."""
    wanted = spec if "source" in spec else {"training": TRAINING, **spec}
    found = TFModel.model_validate(
        {
            "apiVersion": "tfmodel.dev/v1alpha1",
            "kind": "TFModel",
            "metadata": {"name": name, "namespace": "lab", "uid": uid, "generation": generation},
            "spec": wanted,
        }
    )
    return found.model_copy(update={"status": status}) if status is not None else found


def a_job(model: TFModel, *conditions: str, reason: str = "", **status: Any) -> Json:
    """The Job of the model's run as the operator keeps it, with conditions that are True."""
    made = a_job_manifest(model)
    said = [
        {"type": kind, "status": "True", "reason": reason, "message": reason, "lastTransitionTime": THEN}
        for kind in conditions
    ]
    metadata = {**made["metadata"], "uid": f"uid-{made['metadata']['name']}", "creationTimestamp": THEN}
    return _as_cached({**made, "metadata": metadata, "status": {"startTime": THEN, "conditions": said, **status}})


def a_job_manifest(model: TFModel) -> Json:
    """The Job of the model's run as it is applied."""
    return job(model, RELEASE, name=job_name(model), run_key=run_key(model), claim=claim_name(model))


def a_deployment_manifest(model: TFModel) -> Json:
    """The Deployment of runtime pods as it is applied."""
    return deployment(model, RELEASE, claim=claim_name(model), version_policy=policy_flag(model))


def _as_cached(found: Json) -> Json:
    """What the operator keeps of an object: so that no plan is tested with more than it will get."""
    return dict(trimmed(found))


def a_job_pod(model: TFModel, *containers: Json, phase: str = "Running", number: int = 0, **status: Any) -> Json:
    """A pod of the model's Job, with the states of its containers in the order train, export."""
    of_job = a_job_manifest(model)
    template = of_job["spec"]["template"]
    name = f"{of_job['metadata']['name']}-{number}"
    labels = {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": of_job["metadata"]["name"]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": model.namespace,
            "uid": f"uid-{name}",
            "labels": labels,
            "creationTimestamp": f"2026-01-02T03:0{number}:00Z",
        },
        "spec": {**template["spec"], "nodeName": "node-1"},
        "status": {
            "phase": phase,
            "initContainerStatuses": [one for one in containers if one["name"] in INIT_CONTAINERS],
            "containerStatuses": [one for one in containers if one["name"] not in INIT_CONTAINERS],
            "conditions": [{"type": "PodScheduled", "status": "True"}],
            **status,
        },
    }
    return _as_cached(pod)


def running(container: str) -> Json:
    """The state of a container that runs."""
    return {"name": container, "image": "image:1", "state": {"running": {"startedAt": THEN}}}


def waiting(container: str, reason: str, message: str = "") -> Json:
    """The state of a container that waits."""
    return {"name": container, "image": "image:1", "state": {"waiting": {"reason": reason, "message": message}}}


def ended(container: str, code: int = 0, *, reason: str = "", message: str = "") -> Json:
    """The state of a container that ended."""
    said = reason or ("Completed" if code == 0 else "Error")
    state = {"terminated": {"exitCode": code, "reason": said, "message": message, "finishedAt": THEN}}
    return {"name": container, "image": "image:1", "state": state}


def a_report(version: int = 1, stored: tuple[int, ...] | None = None, **metrics: str) -> str:
    """The report of an export step that published."""
    return json.dumps(
        {
            "version": version,
            "digest": f"sha256:{version}",
            "tensorflowVersion": "2.21.0",
            "signatures": ["serving_default"],
            "metrics": metrics or {"accuracy": "0.97"},
            "storedVersions": list(stored if stored is not None else range(1, version + 1)),
        }
    )


def a_refusal(reason: str, message: str = "no", hint: str = "mend it") -> str:
    """The report of an export step that refused the model."""
    return json.dumps({"failure": {"reason": reason, "message": message, "hint": hint, "retriable": False}})


def a_finished_run(model: TFModel, version: int = 1, stored: tuple[int, ...] | None = None) -> tuple[Json, Json]:
    """The Job and pod of a run that became a version."""
    finished = a_job(model, "Complete", completionTime=THEN, succeeded=1)
    report = ended("export", message=a_report(version, stored))
    return finished, a_job_pod(model, ended("train"), report, phase="Succeeded")


def a_deployment(model: TFModel, *, ready: int | None = None, conditions: tuple[Json, ...] = ()) -> Json:
    """The Deployment of runtime pods, rolled out unless `ready` says less."""
    made = a_deployment_manifest(model)
    wanted = model.spec.serving.replicas
    metadata = {**made["metadata"], "uid": "uid-deployment", "generation": 1}
    status = {
        "observedGeneration": 1,
        "replicas": wanted,
        "updatedReplicas": wanted,
        "readyReplicas": wanted if ready is None else ready,
        "conditions": list(conditions),
    }
    return _as_cached({**made, "metadata": metadata, "status": status})


def a_runtime_pod(model: TFModel, name: str = "iris-0", *containers: Json, ready: bool = True) -> Json:
    """A runtime pod."""
    template = a_deployment_manifest(model)["spec"]["template"]
    is_ready = {"status": "True"} if ready else {"status": "False", "reason": "ContainersNotReady"}
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", **is_ready}]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": model.namespace,
            "uid": f"uid-{name}",
            "labels": template["metadata"]["labels"],
            "creationTimestamp": THEN,
        },
        "spec": {**template["spec"], "nodeName": "node-1"},
        "status": {
            "phase": "Running" if ready else "Pending",
            "podIP": "10.0.0.1",
            "containerStatuses": list(containers) or [running("runtime")],
            "conditions": conditions,
        },
    }
    return _as_cached(pod)


def answers(**versions: str) -> tuple[ServedVersion, ...]:
    """What a runtime pod answers: v1="AVAILABLE", v2="END the error"."""
    found = []
    for name, said in versions.items():
        state, _, error = said.partition(" ")
        found.append(ServedVersion(int(name.removeprefix("v")), state, error))
    return tuple(found)


def conditions_of(status: TFModelStatus) -> Mapping[str, tuple[str, str]]:
    """Status and reason of each condition."""
    return {one.type: (one.status, one.reason) for one in status.conditions or ()}
