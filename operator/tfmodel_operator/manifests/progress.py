"""The sidecar that tells how far a training is, and the folders of a run that outlive its pods.

A run's checkpoints and logs lie in the store under `<model>/.runs/<run key>/`. The training container sees these two folders of
the store and nothing else of it, so that it cannot touch a version.
"""

from tfmodel import contract
from tfmodel.api.v1alpha1 import TFModel
from tfmodel.store.layout import RUNS
from tfmodel_operator.manifests.metadata import PROGRESS_CONTAINER, Json, container_security
from tfmodel_operator.values import Release

_RESOURCES = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}}


def sidecar(model: TFModel, release: Release, run_key: str) -> Json:
    """The container: it starts before the training, and Kubernetes ends it after the last other one has ended."""
    return {
        "name": PROGRESS_CONTAINER,
        "image": release.trainer_image,
        "imagePullPolicy": release.image_pull_policy,
        "restartPolicy": "Always",
        "command": ["python3", "-m", "tfmodel_trainer.progress_server"],
        "args": [f"--model={model.name}", f"--run={run_key}"],
        "ports": [{"name": "progress", "containerPort": contract.PROGRESS_PORT}],
        "resources": _RESOURCES,
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "workspace", "mountPath": contract.WORKSPACE_DIR, "readOnly": True},
            {**_logs(model, run_key), "readOnly": True},
        ],
    }


def run_mounts(model: TFModel, run_key: str) -> list[Json]:
    """The folders of the run that the training container writes."""
    checkpoints = {
        "name": "store",
        "mountPath": contract.CHECKPOINT_DIR,
        "subPath": f"{model.name}/{RUNS}/{run_key}/checkpoints",
    }
    return [checkpoints, _logs(model, run_key)]


def _logs(model: TFModel, run_key: str) -> Json:
    return {"name": "store", "mountPath": contract.LOG_DIR, "subPath": f"{model.name}/{RUNS}/{run_key}/logs"}
