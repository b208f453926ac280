"""Training on several workers: an Indexed Job whose pods find each other by name, and the variable that TensorFlow reads.

Index 0 is the chief. TF_CONFIG is made from the Job's name alone; the index in it is the pod's own, from its annotation.
https://www.tensorflow.org/guide/distributed_training#setting_up_tf_config_environment_variable
"""

import json

from tfmodel import contract
from tfmodel.api.training import Training
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.metadata import TRAINING, Json, labels
from tfmodel_operator.read import name_of, uid_of
from tfmodel_operator.values import Manifest

WORKER_PORT = 2222
_INDEX_ANNOTATION = "metadata.annotations['batch.kubernetes.io/job-completion-index']"


def of_job(training: Training) -> Json:
    """The fields of a Job's spec that make it one of several workers; none for one worker."""
    if training.workers == 1:
        return {}
    return {"completionMode": "Indexed", "completions": training.workers, "parallelism": training.workers}


def failures_allowed(training: Training) -> int:
    """The Job's backoffLimit: when one worker fails the others fail with it, and each pod counts."""
    return (training.backoff_limit + 1) * training.workers - 1


def of_pod(training: Training, job_name: str) -> Json:
    """The field of a pod's spec by which the others find it."""
    return {} if training.workers == 1 else {"subdomain": job_name}


def environment(model: TFModel, training: Training, job_name: str) -> list[Json]:
    """TF_CONFIG, and the index that it refers to."""
    if training.workers == 1:
        return []
    hosts = [f"{job_name}-{index}.{job_name}.{model.namespace}.svc:{WORKER_PORT}" for index in range(training.workers)]
    cluster = json.dumps({"worker": hosts})
    return [
        index(),
        {
            "name": "TF_CONFIG",
            "value": f'{{"cluster": {cluster}, "task": {{"type": "worker", "index": $({contract.WORKER_INDEX_ENV})}}}}',
        },
    ]


def index() -> Json:
    """The variable that holds a pod's index."""
    return {"name": contract.WORKER_INDEX_ENV, "valueFrom": {"fieldRef": {"fieldPath": _INDEX_ANNOTATION}}}


def workers_service(model: TFModel, job: Manifest) -> Json:
    """The headless Service that gives the workers their names, from before they are ready. It goes with the Job."""
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": name_of(job),
        "uid": uid_of(job),
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name_of(job),
            "namespace": model.namespace,
            "labels": labels(model, TRAINING),
            "ownerReferences": [owner],
        },
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {"batch.kubernetes.io/job-name": name_of(job)},
            "ports": [{"name": "worker", "port": WORKER_PORT, "targetPort": WORKER_PORT}],
        },
    }
