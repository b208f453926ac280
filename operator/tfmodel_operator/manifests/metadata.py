"""Names, labels and security settings that all children share."""

from collections.abc import Mapping
from typing import Any

from tfmodel.api.kubernetes import Placement, ResourceRequirements
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.values import LABEL_COMPONENT, LABEL_MANAGED_BY, LABEL_MODEL, MANAGED_BY

TRAIN_CONTAINER = "train"
EXPORT_CONTAINER = "export"
FETCH_CONTAINER = "fetch"
PROGRESS_CONTAINER = "progress"
RUNTIME_CONTAINER = "runtime"
TRAINING = "training"
SERVING = "serving"
USER_ID = 65532

Json = dict[str, Any]


def selector(model: TFModel, component: str) -> dict[str, str]:
    """Labels by which the pods of one part of the model are found. They never change."""
    return {LABEL_MANAGED_BY: MANAGED_BY, LABEL_MODEL: model.name, LABEL_COMPONENT: component}


def labels(model: TFModel, component: str) -> dict[str, str]:
    """Labels of a child."""
    return {
        **selector(model, component),
        "app.kubernetes.io/name": "tfmodel",
        "app.kubernetes.io/instance": model.name,
        "app.kubernetes.io/part-of": "tfmodel",
    }


def metadata(
    model: TFModel, name: str, component: str, *, owned: bool = True, annotations: Mapping[str, str] | None = None
) -> Json:
    """Metadata of a child; an owned one is deleted with the TFModel."""
    owners = {"ownerReferences": [model.owner_reference]} if owned else {}
    noted = {"annotations": dict(annotations)} if annotations else {}
    return {"name": name, "namespace": model.namespace, "labels": labels(model, component), **owners, **noted}


def pod_security() -> Json:
    """Pod settings of the restricted Pod Security Standard."""
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def container_security() -> Json:
    """Container settings of the restricted Pod Security Standard, and a read-only root file system."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def resources(wanted: ResourceRequirements | None, default_requests: Mapping[str, str]) -> Json:
    """Resources of a container; without a word on requests or limits, the default requests."""
    given = wanted.to_json() if wanted is not None else {}
    return given or {"requests": dict(default_requests)}


def placement(model: TFModel, wanted: Placement) -> Json:
    """Where a pod may run, with which secrets its image is pulled."""
    given = wanted.model_dump(
        mode="json",
        by_alias=True,
        exclude_none=True,
        include={"node_selector", "tolerations", "affinity", "image_pull_secrets"},
    )
    if _on_one_node(model):
        given["affinity"] = _with_neighbours(model, given.get("affinity", {}))
    return given


def _on_one_node(model: TFModel) -> bool:
    """Whether all pods that mount the versions must share a node, because one node at a time may attach the volume."""
    storage = model.spec.storage
    if storage.existing_claim is not None:
        return False
    modes = (storage.persistent_volume_claim and storage.persistent_volume_claim.access_modes) or ["ReadWriteOnce"]
    return set(modes) <= {"ReadWriteOnce"}


def _with_neighbours(model: TFModel, affinity: Mapping[str, Any]) -> Json:
    """The affinity, and: on the node where this model's other pods run."""
    pod_affinity = affinity.get("podAffinity", {})
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    same_node = {
        "labelSelector": {"matchLabels": {LABEL_MANAGED_BY: MANAGED_BY, LABEL_MODEL: model.name}},
        "topologyKey": "kubernetes.io/hostname",
    }
    return {**affinity, "podAffinity": {**pod_affinity, required: [*pod_affinity.get(required, []), same_node]}}
