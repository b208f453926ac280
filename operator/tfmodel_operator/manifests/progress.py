"""The sidecar that tells how far a training is, and the folder of a run that outlives its pods.

A run's checkpoints and logs lie in the store under `<model>/.runs/<run key>/`. The training container sees this folder of
the store and nothing else of it, so that it cannot touch a version.
"""

from tfmodel import contract
from tfmodel.api.v1alpha1 import TFModel
from tfmodel.store.layout import RUNS
from tfmodel_operator.manifests.metadata import PROGRESS_CONTAINER, Json, container_security
from tfmodel_operator.values import Release

_SIDECAR_RUN_DIR = "/run/tfmodel"
"""Not below the workspace: a mount point cannot be made in what is mounted read-only."""
_RESOURCES = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}}


def sidecar(model: TFModel, release: Release, run_key: str) -> Json:
    """The container: it starts before the training, and Kubernetes ends it after the last other one has ended."""
    return {
        "name": PROGRESS_CONTAINER,
        "image": release.trainer_image,
        "imagePullPolicy": release.image_pull_policy,
        "restartPolicy": "Always",
        "command": ["python3", "-m", "tfmodel_trainer.progress_server"],
        "args": [f"--model={model.name}", f"--run={run_key}", f"--log-dir={_SIDECAR_RUN_DIR}/logs"],
        "ports": [{"name": "progress", "containerPort": contract.PROGRESS_PORT}],
        "resources": _RESOURCES,
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "workspace", "mountPath": contract.WORKSPACE_DIR, "readOnly": True},
            {**run_mount(model, run_key), "mountPath": _SIDECAR_RUN_DIR, "readOnly": True},
        ],
    }


def run_mount(model: TFModel, run_key: str) -> Json:
    """The folder of the run, which the training container writes."""
    return {"name": "store", "mountPath": contract.RUN_DIR, "subPath": f"{model.name}/{RUNS}/{run_key}"}
