"""The container that fetches `spec.source`: alone it has the network's way out and the credentials; what it brings is data.

The operator names the Secret and never reads it. The container that loads the model, `export`, has neither.
"""

from pathlib import PurePosixPath
from typing import Any

from tfmodel import contract
from tfmodel.api.source import Source
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.metadata import FETCH_CONTAINER, Json, container_security
from tfmodel_operator.values import Release

_RESOURCES = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
_CA_VOLUME = "ca-bundle"


def containers(model: TFModel, release: Release) -> list[Json]:
    """The container, if there is something to fetch."""
    source = model.spec.source
    if source is None or not source.is_fetched:
        return []
    trusted = PurePosixPath(contract.CA_FILE).parent
    return [
        {
            "name": FETCH_CONTAINER,
            "image": release.trainer_image,
            "imagePullPolicy": release.image_pull_policy,
            "args": ["fetch"],
            "env": [
                {"name": "HOME", "value": "/tmp"},  # noqa: S108 - an emptyDir of the pod's own
                {"name": contract.FETCH_REQUEST_ENV, "value": fetch_request(source).to_json()},
            ],
            **({"envFrom": [{"secretRef": source.secret_ref.to_json()}]} if source.secret_ref else {}),
            "resources": _RESOURCES,
            "securityContext": container_security(),
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": [
                {"name": "workspace", "mountPath": contract.WORKSPACE_DIR},
                {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
                *([{"name": _CA_VOLUME, "mountPath": str(trusted), "readOnly": True}] if source.ca_bundle_ref else []),
            ],
        }
    ]


def fetch_request(source: Source) -> contract.FetchRequest:
    """What the fetch step is asked to bring."""
    return contract.FetchRequest(
        uri=source.uri,
        target=contract.FETCHED_DIR,
        sha256=source.sha256 or "",
        ca_file=contract.CA_FILE if source.ca_bundle_ref else "",
    )


def failure_rules(model: TFModel) -> list[Json]:
    """What another attempt would not mend ends the run at once."""
    if model.spec.source is None or not model.spec.source.is_fetched:
        return []
    codes = {"operator": "In", "values": [contract.PERMANENT_FAILURE]}
    return [{"action": "FailJob", "onExitCodes": {"containerName": FETCH_CONTAINER, **codes}}]


def volumes(source: Source) -> list[Json]:
    """What the pod mounts for a source: its claim, or the certificates by which it is fetched."""
    if not source.is_fetched:
        return [{"name": "source", "persistentVolumeClaim": {"claimName": source.claim_name}}]
    if source.ca_bundle_ref is None:
        return []
    item = {"key": source.ca_bundle_ref.key, "path": PurePosixPath(contract.CA_FILE).name}
    return [{"name": _CA_VOLUME, "configMap": {"name": source.ca_bundle_ref.name, "items": [item]}}]


def source_path(source: Source) -> str:
    """Where the export step finds the model."""
    return contract.FETCHED_DIR if source.is_fetched else f"{contract.SOURCE_DIR}/{source.path}".rstrip("/")


def format_fields(source: Source | None) -> dict[str, Any]:
    """Fields of the export request that say what the model is."""
    if source is None:
        return {}
    return {
        "source_format": source.format,
        "tags": tuple(source.tags or ()),
        "inputs": source.inputs or {},
        "outputs": source.outputs or {},
    }
