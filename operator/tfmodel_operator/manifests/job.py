"""The Job of a run: `<model>-<run>-<digest>`.

One pod, in order: `train` (the user's container, an init container; absent for `spec.source`) writes a model to the
workspace; `export` (ours) converts, checks and publishes it, and reports in its termination message. Only `export` sees the
versions in the store. Beside `train` a sidecar tells how far it is. An exit code of PERMANENT_FAILURE ends the run at once, since another attempt would end the same way; every other
failure is tried again within backoffLimit.

A Job cannot be changed once it runs: a changed recipe is another run with another Job. Only `suspend` is switched later.
"""

import json
from typing import Any

from tfmodel import contract
from tfmodel.api.training import Input, Training
from tfmodel.api.v1alpha1 import TFModel
from tfmodel.store.layout import RUNS
from tfmodel_operator.manifests import exporting, fetching, workers
from tfmodel_operator.manifests.metadata import (
    EXPORT_CONTAINER,
    TRAIN_CONTAINER,
    TRAINING,
    Json,
    container_security,
    labels,
    metadata,
    placement,
    pod_security,
    resources,
)
from tfmodel_operator.manifests.progress import run_mount, sidecar
from tfmodel_operator.values import LABEL_RUN, Release

PARAMS_ANNOTATION = "tfmodel.dev/params"
SUSPEND_MANAGER = "tfmodel-operator-suspend"
_WORKSPACE_LIMIT = "20Gi"
_IMPORT_BACKOFF_LIMIT = 2
_FORWARDING_SIGTERM = (
    "sh",
    "-c",
    (
        'trap \'kill "$child"\' TERM; "$@" & child=$!; wait "$child"; code=$?; '
        'while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done; exit "$code"'
    ),
    "sh",
)
"""A container's first process ignores SIGTERM unless it handles it, and an evicted or suspended training would go on for the whole
grace period and be lost: the script runs as a child of a shell, and ends at once, or as it handles the signal."""
_DEFAULT_REQUESTS = {"cpu": "100m", "memory": "512Mi"}


def job(model: TFModel, release: Release, *, name: str, run_key: str, claim: str) -> Json:
    """The Job of the run that the spec asks for."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _with_run(metadata(model, name, TRAINING), run_key),
        "spec": {
            **_limits(model.spec.training),
            "podFailurePolicy": _failure_policy(model),
            "template": {
                "metadata": {
                    "labels": {**labels(model, TRAINING), LABEL_RUN: run_key},
                    "annotations": {PARAMS_ANNOTATION: _params_json(model.spec.training)},
                },
                "spec": _pod(model, release, name=name, run_key=run_key, claim=claim),
            },
        },
    }


def suspension(model: TFModel, *, name: str, suspend: bool) -> Json:
    """The one field of a Job that is switched after it was made, applied by a manager of its own."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": model.namespace},
        "spec": {"suspend": suspend},
    }


def _limits(training: Training | None) -> Json:
    if training is None:
        return {"backoffLimit": _IMPORT_BACKOFF_LIMIT}
    deadline = training.active_deadline_seconds
    return {
        "backoffLimit": workers.failures_allowed(training),
        **workers.of_job(training),
        **({"activeDeadlineSeconds": deadline} if deadline is not None else {}),
        **({"suspend": True} if training.suspend else {}),
    }


def _with_run(made: Json, run_key: str) -> Json:
    return {**made, "labels": {**made["labels"], LABEL_RUN: run_key}}


def _failure_policy(model: TFModel) -> Json:
    """When a pod's failure ends the run. One worker of several cannot be trained again alone, when the others have ended."""
    training = model.spec.training
    has_workers = training is not None and training.workers > 1
    codes = (
        {"operator": "NotIn", "values": [0]}
        if has_workers
        else {"operator": "In", "values": [contract.PERMANENT_FAILURE]}
    )
    permanent = {"action": "FailJob", "onExitCodes": {"containerName": EXPORT_CONTAINER, **codes}}
    disrupted = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    return {"rules": [permanent, *fetching.failure_rules(model), disrupted]}


def _pod(model: TFModel, release: Release, *, name: str, run_key: str, claim: str) -> Json:
    training = model.spec.training
    placed = placement(model, training) if training else placement(model, model.spec.serving)
    first = (
        [sidecar(model, release, run_key), _train(model, training, release, name, run_key)]
        if training
        else fetching.containers(model, release)
    )
    return {
        **pod_security(),
        **placed,
        **(workers.of_pod(training, name) if training else {}),
        "restartPolicy": "Never",
        **({"initContainers": first} if first else {}),
        "containers": [_export(model, release, run_key)],
        "volumes": _volumes(model, claim),
    }


def _train(model: TFModel, training: Training, release: Release, job_name: str, run_key: str) -> Json:
    command = [*training.command] if training.command else None
    if training.script is not None:
        command = [*_FORWARDING_SIGTERM, "python3", f"{contract.SCRIPT_DIR}/{training.script.config_map_ref.key}"]
    return {
        "name": TRAIN_CONTAINER,
        "image": training.image or release.trainer_image,
        "imagePullPolicy": release.image_pull_policy,
        **({"command": command} if command else {}),
        **({"args": list(training.args)} if training.args else {}),
        "env": [*workers.environment(model, training, job_name), *_train_environment(training)],
        **({"envFrom": [source.to_json() for source in training.env_from]} if training.env_from else {}),
        "resources": resources(training.resources, _DEFAULT_REQUESTS),
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*_train_mounts(training), run_mount(model, run_key)],
    }


def _train_environment(training: Training) -> list[Json]:
    ours = {
        "HOME": "/tmp",  # noqa: S108 - an emptyDir of the pod's own
        **contract.training_environment(
            params=training.params or {},
            inputs={data.name: data.mount_path for data in training.inputs or []},
        ),
    }
    named = {variable.name for variable in training.env or []}
    return [
        *({"name": name, "value": value} for name, value in ours.items() if name not in named),
        *(variable.to_json() for variable in training.env or []),
    ]


def _train_mounts(training: Training) -> list[Json]:
    return [
        {"name": "workspace", "mountPath": contract.WORKSPACE_DIR},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        {"name": "params", "mountPath": contract.PARAMS_FILE, "subPath": "params.json", "readOnly": True},
        *([{"name": "script", "mountPath": contract.SCRIPT_DIR, "readOnly": True}] if training.script else []),
        *(exporting.input_mount(data) for data in training.inputs or []),
    ]


def _export(model: TFModel, release: Release, run_key: str) -> Json:
    training, source = model.spec.training, model.spec.source
    wanted = training.resources if training else model.spec.serving.resources
    of_workers = [workers.index()] if training and training.workers > 1 else []
    from_source = (
        [{"name": "source", "mountPath": contract.SOURCE_DIR, "readOnly": True}]
        if source and not source.is_fetched
        else []
    )
    return {
        "name": EXPORT_CONTAINER,
        "image": exporting.image(model, release),
        "imagePullPolicy": release.image_pull_policy,
        "args": ["export"],
        "env": [
            {"name": "HOME", "value": "/tmp"},  # noqa: S108
            {"name": "TMPDIR", "value": contract.WORKSPACE_DIR},
            *of_workers,
            {"name": contract.EXPORT_REQUEST_ENV, "value": export_request(model, run_key).to_json()},
        ],
        "resources": resources(wanted, _DEFAULT_REQUESTS),
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "workspace", "mountPath": contract.WORKSPACE_DIR},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            {"name": "store", "mountPath": contract.STORE_DIR},
            *from_source,
            *exporting.mounts(model),
        ],
    }


def export_request(model: TFModel, run_key: str) -> contract.ExportRequest:
    """What the export step is asked to do."""
    spec, source = model.spec, model.spec.source
    exported = fetching.source_path(source) if source else contract.EXPORT_DIR
    return contract.ExportRequest(
        model=model.name,
        run_id=spec.run_id,
        run_key=run_key,
        owner=model.metadata.uid,
        export_dir=exported,
        metrics_file=contract.METRICS_FILE,
        log_dir=f"{contract.STORE_DIR}/{model.name}/{RUNS}/{run_key}/logs",
        progress_file=contract.PROGRESS_FILE,
        store=contract.STORE_DIR,
        keep_versions=spec.storage.keep_versions,
        protected_versions=protected_versions(model),
        signature=spec.validation.signature,
        thresholds=spec.validation.thresholds or {},
        allowed_operations=tuple(spec.validation.allowed_operations or ()),
        smoke_request=spec.validation.smoke_request,
        serving_version=None if spec.validation.allow_breaking_signature else model.status.active_version,
        params=(spec.training.params if spec.training else None) or {},
        **fetching.format_fields(source),
        **exporting.request_fields(model),
    )


def protected_versions(model: TFModel) -> tuple[int, ...]:
    """Versions that the spec names: they are never pruned."""
    serving = model.spec.serving
    policy = serving.version_policy
    listed = policy.specific.versions if policy is not None and policy.specific is not None else ()
    pinned = (serving.pinned_version,) if serving.pinned_version is not None else ()
    return tuple(sorted({*listed, *pinned, *(serving.version_labels or {}).values()}))


def _params_json(training: Training | None) -> str:
    return json.dumps(dict(training.params or {}) if training else {}, sort_keys=True)


def _volumes(model: TFModel, claim: str) -> list[Json]:
    training, source = model.spec.training, model.spec.source
    params = {"path": "params.json", "fieldRef": {"fieldPath": f"metadata.annotations['{PARAMS_ANNOTATION}']"}}
    volumes: list[dict[str, Any]] = [
        {"name": "workspace", "emptyDir": {"sizeLimit": _WORKSPACE_LIMIT}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}},
        {"name": "store", "persistentVolumeClaim": {"claimName": claim}},
    ]
    if training:
        volumes.append({"name": "params", "downwardAPI": {"items": [params]}})
        volumes.extend(_input_volume(data) for data in training.inputs or [])
        if training.script:
            volumes.append({"name": "script", "configMap": {"name": training.script.config_map_ref.name}})
    if source:
        volumes.extend(fetching.volumes(source))
    return volumes


def _input_volume(data: Input) -> Json:
    name = f"input-{data.name}"
    if data.config_map is not None:
        return {"name": name, "configMap": {"name": data.config_map.name}}
    claim = data.persistent_volume_claim
    assert claim is not None  # noqa: S101 - a parsed input has one of both
    return {"name": name, "persistentVolumeClaim": {"claimName": claim.claim_name}}
