"""The Deployment `<model>` of runtime pods.

Its pod template holds no version: the runtime finds new versions in the store by itself, so that publishing one restarts
nothing. Only a change of the version policy, or of the pods themselves, is a rolling update, with no pod taken away before
its successor is ready.

The kubelet, the operator and scrapers ask the admin port, which speaks plain HTTP whatever the other ports demand of clients, and
tells of health, metrics and which versions are served. The Service does not offer it.
"""

import math

from tfmodel.api.quantities import parse_duration
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.metadata import (
    RUNTIME_CONTAINER,
    SERVING,
    Json,
    container_security,
    labels,
    metadata,
    placement,
    pod_security,
    resources,
    selector,
)
from tfmodel_operator.manifests.runtime_flags import drain_of, runtime_flags
from tfmodel_operator.manifests.secrets import secret_flags, secret_mounts, secret_volumes
from tfmodel_operator.values import Release

REST_PORT = 8501
GRPC_PORT = 8500
ADMIN_PORT = 8502
MODELS = "/models"
HANDLER = "/etc/tfmodel/handler"
_EXIT_SECONDS = 10
_DEFAULT_REQUESTS = {"cpu": "100m", "memory": "512Mi"}


def deployment(model: TFModel, release: Release, *, claim: str, version_policy: str) -> Json:
    """The Deployment. `version_policy` is the runtime's flag: latest:N, all, or specific:1,3."""
    template_labels = labels(model, SERVING)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(model, model.name, SERVING),
        "spec": {
            "replicas": model.spec.serving.replicas,
            "selector": {"matchLabels": selector(model, SERVING)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": 600,
            "template": {
                "metadata": {"labels": template_labels},
                "spec": {
                    **pod_security(),
                    **placement(model, model.spec.serving),
                    "terminationGracePeriodSeconds": _termination_seconds(model),
                    "containers": [_runtime(model, release, version_policy)],
                    "volumes": [
                        {"name": "store", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}},
                        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
                        *_handler_volumes(model),
                        *secret_volumes(model),
                    ],
                },
            },
        },
    }


def _handler_volumes(model: TFModel) -> list[Json]:
    """The handler's ConfigMap as a folder: only so does a change of its content reach a running pod."""
    handler = model.spec.serving.handler
    return [{"name": "handler", "configMap": {"name": handler.config_map_ref.name}}] if handler else []


def _handler_flags(model: TFModel) -> list[str]:
    handler = model.spec.serving.handler
    return [f"--handler={HANDLER}/{handler.config_map_ref.key}"] if handler else []


def _termination_seconds(model: TFModel) -> int:
    drain = drain_of(model)
    return math.ceil(parse_duration(drain.delay) + parse_duration(drain.grace)) + _EXIT_SECONDS


def _runtime(model: TFModel, release: Release, version_policy: str) -> Json:
    return {
        "name": RUNTIME_CONTAINER,
        "image": release.runtime_image,
        "imagePullPolicy": release.image_pull_policy,
        "args": [
            *runtime_flags(model, version_policy=version_policy),
            f"--model_base_path={MODELS}/{model.name}",
            f"--port={GRPC_PORT}",
            f"--rest_api_port={REST_PORT}",
            f"--admin_port={ADMIN_PORT}",
            f"--drain_delay={drain_of(model).delay}",
            f"--drain_grace={drain_of(model).grace}",
            *_handler_flags(model),
            *secret_flags(model),
        ],
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - an emptyDir of the pod's own
        "ports": [
            {"name": "rest", "containerPort": REST_PORT},
            {"name": "grpc", "containerPort": GRPC_PORT},
            {"name": "admin", "containerPort": ADMIN_PORT},
        ],
        "resources": resources(model.spec.serving.resources, _DEFAULT_REQUESTS),
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "admin"}, "periodSeconds": 1, "timeoutSeconds": 2},
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "admin"},
            "initialDelaySeconds": 10,
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "store", "mountPath": MODELS, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            *([{"name": "handler", "mountPath": HANDLER, "readOnly": True}] if model.spec.serving.handler else []),
            *secret_mounts(model),
        ],
    }
