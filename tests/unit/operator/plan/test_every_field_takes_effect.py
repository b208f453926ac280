"""Each field of the spec changes a child object: the schema is walked, and a field without a proof fails the test."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from testkit.world import NOW, RELEASE, a_finished_run, a_tfmodel
from tfmodel.api.crd import custom_resource_definition
from tfmodel.api.status import TFModelStatus
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.plan import plan
from tfmodel_operator.plan.naming import run_key
from tfmodel_operator.values import Observation

SCRIPT = {"configMapRef": {"name": "iris", "key": "train.py"}}
TOLERATION = {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60}
AFFINITY: dict[str, Any] = {
    "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}
}


def training(**fields: Any) -> dict[str, Any]:
    return {"training": {"script": SCRIPT, **fields}}


def serving(**fields: Any) -> dict[str, Any]:
    return {"training": {"script": SCRIPT}, "serving": fields}


def storage(**fields: Any) -> dict[str, Any]:
    return {"training": {"script": SCRIPT}, "storage": fields}


def env(**source: Any) -> dict[str, Any]:
    return training(env=[{"name": "A", **source}])


def env_from(**source: Any) -> dict[str, Any]:
    return training(envFrom=[source])


def data(**fields: Any) -> dict[str, Any]:
    return training(inputs=[{"name": "train", "mountPath": "/data/train", "configMap": {"name": "iris"}, **fields}])


def claim(**fields: Any) -> dict[str, Any]:
    return training(
        inputs=[{"name": "a", "mountPath": "/data/a", "persistentVolumeClaim": {"claimName": "c", **fields}}]
    )


def tolerated(**fields: Any) -> dict[str, Any]:
    return {**TOLERATION, **fields}


def key_ref(kind: str, **fields: Any) -> dict[str, Any]:
    return env(valueFrom={kind: {"name": "n", "key": "k", **fields}})


def auth(**fields: Any) -> dict[str, Any]:
    return {"tokenSecretRef": {"name": "tokens", "key": "iris", **fields}}


def handled(name: str, key: str) -> dict[str, Any]:
    return serving(handler={"configMapRef": {"name": name, "key": key}})


def source(**fields: Any) -> dict[str, Any]:
    return {"source": {"uri": "https://models.example/a.tgz", **fields}}


def exported(**fields: Any) -> dict[str, Any]:
    return {**PLAIN, "export": fields}


def quantized(**fields: Any) -> dict[str, Any]:
    inputs = [{"name": name, "mountPath": f"/data/{name}", "configMap": {"name": name}} for name in ("train", "test")]
    return {**training(inputs=inputs), "export": {"formats": ["TFLite"], "tflite": fields}}


CA = {"name": "ca", "key": "ca.crt"}
INT8 = {"quantization": "Int8", "representativeInput": "train"}
NAMES = {"inputs": {"x": "x:0"}, "outputs": {"y": "y:0"}}
PLAIN = training()
SERVED = {**PLAIN, "status": TFModelStatus(active_version=1)}
TLS = {"secretName": "iris-tls"}
PROOFS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "paused": (PLAIN, {**PLAIN, "paused": True}),
    "source.uri": ({"source": {"uri": "pvc://a/b"}}, {"source": {"uri": "pvc://a/c"}}),
    **{
        f"source.{field}": (source(), source(**{field.split("[")[0].split(".")[0]: value}))
        for field, value in (
            ("format", "SavedModel"),
            ("secretRef.name", {"name": "keys"}),
            ("sha256", "a" * 64),
            ("tags[]", ["train"]),
        )
    },
    **{
        f"source.caBundleRef.{field}": (source(caBundleRef=CA), source(caBundleRef={**CA, field: "other"}))
        for field in ("name", "key")
    },
    "source.inputs.*": (source(**NAMES), source(**NAMES | {"inputs": {"x": "other:0"}})),
    "source.outputs.*": (source(**NAMES), source(**NAMES | {"outputs": {"y": "other:0"}})),
    "source.runId": ({"source": {"uri": "pvc://a/b"}}, {"source": {"uri": "pvc://a/b", "runId": "2"}}),
    "export.formats[]": (PLAIN, exported(formats=["TFLite"])),
    "export.tflite.quantization": (exported(formats=["TFLite"]), quantized(quantization="Float16")),
    "export.tflite.representativeInput": (quantized(**INT8), quantized(**INT8 | {"representativeInput": "test"})),
    "export.featureNames[]": (PLAIN, exported(featureNames=["width", "height"])),
    "training.workers": (PLAIN, training(workers=2)),
    "training.schedule": (PLAIN, training(schedule="0 3 * * *")),
    "validation.signature": (PLAIN, {**PLAIN, "validation": {"signature": "other"}}),
    "validation.smokeRequest": (PLAIN, {**PLAIN, "validation": {"smokeRequest": {"instances": [[1.0]]}}}),
    "validation.allowedOperations[]": (PLAIN, {**PLAIN, "validation": {"allowedOperations": ["ReadFile"]}}),
    "validation.allowBreakingSignature": (SERVED, {**SERVED, "validation": {"allowBreakingSignature": True}}),
    "validation.thresholds.*": (PLAIN, {**PLAIN, "validation": {"thresholds": {"accuracy": ">0.5"}}}),
    "storage.persistentVolumeClaim.size": (PLAIN, storage(persistentVolumeClaim={"size": "2Gi"})),
    "storage.persistentVolumeClaim.storageClassName": (PLAIN, storage(persistentVolumeClaim={"storageClassName": "x"})),
    "storage.persistentVolumeClaim.accessModes[]": (
        PLAIN,
        storage(persistentVolumeClaim={"accessModes": ["ReadWriteMany"]}),
    ),
    "storage.existingClaim": (PLAIN, storage(existingClaim="shared")),
    "storage.keepVersions": (PLAIN, storage(keepVersions=1)),
    "storage.onDelete": (PLAIN, storage(onDelete="Delete")),
    "serving.replicas": (PLAIN, serving(replicas=2)),
    "serving.pinnedVersion": (PLAIN, serving(pinnedVersion=1)),
    "serving.versionPolicy.latest.count": (PLAIN, serving(versionPolicy={"latest": {"count": 2}})),
    "serving.versionPolicy.all": (PLAIN, serving(versionPolicy={"all": {}})),
    "serving.versionPolicy.specific.versions[]": (PLAIN, serving(versionPolicy={"specific": {"versions": [1]}})),
    "serving.handler.configMapRef.name": (handled("a", "k.py"), handled("b", "k.py")),
    "serving.handler.configMapRef.key": (handled("a", "k.py"), handled("a", "l.py")),
    "serving.versionLabels.*": (PLAIN, serving(versionLabels={"stable": 1})),
    **{
        f"serving.batching.{field}": (serving(batching={}), serving(batching={field.removesuffix("[]"): value}))
        for field, value in (
            ("maxBatchSize", 8),
            ("batchTimeout", "5ms"),
            ("maxEnqueuedBatches", 3),
            ("numBatchThreads", 2),
            ("allowedBatchSizes[]", [2, 32]),
            ("padVariableLengthInputs", True),
            ("enableLargeBatchSplitting", True),
        )
    },
    "serving.processes": (PLAIN, serving(processes=2)),
    "serving.optimize": (PLAIN, serving(optimize="XLA")),
    "serving.warmup.enabled": (PLAIN, serving(warmup={"enabled": False})),
    "serving.warmup.iterations": (serving(warmup={}), serving(warmup={"iterations": 3})),
    "serving.reload.pollInterval": (serving(reload={}), serving(reload={"pollInterval": "5s"})),
    "serving.reload.maxLoadRetries": (serving(reload={}), serving(reload={"maxLoadRetries": 1})),
    "serving.reload.loadRetryInterval": (serving(reload={}), serving(reload={"loadRetryInterval": "5s"})),
    "serving.drain.delay": (PLAIN, serving(drain={"delay": "1s"})),
    "serving.drain.grace": (PLAIN, serving(drain={"grace": "1s"})),
    "serving.service.type": (PLAIN, serving(service={"type": "NodePort"})),
    "serving.service.annotations.*": (PLAIN, serving(service={"annotations": {"a": "b"}})),
    "serving.service.restPort": (PLAIN, serving(service={"restPort": 80})),
    "serving.service.grpcPort": (PLAIN, serving(service={"grpcPort": 81})),
    "serving.tls.secretName": (PLAIN, serving(tls=TLS)),
    "serving.tls.clientCASecretName": (serving(tls=TLS), serving(tls={**TLS, "clientCASecretName": "clients"})),
    "serving.auth.tokenSecretRef.name": (serving(auth=auth()), serving(auth=auth(name="others"))),
    "serving.auth.tokenSecretRef.key": (serving(auth=auth()), serving(auth=auth(key="other"))),
    "serving.limits.maxBodyBytes": (PLAIN, serving(limits={"maxBodyBytes": "1Mi"})),
    "serving.limits.maxRequestsInFlight": (PLAIN, serving(limits={"maxRequestsInFlight": 8})),
    "serving.limits.requestTimeout": (PLAIN, serving(limits={"requestTimeout": "5s"})),
    "training.image": (PLAIN, training(image="mine:1")),
    "training.script.configMapRef.name": (
        PLAIN,
        {"training": {"script": {"configMapRef": {"name": "b", "key": "train.py"}}}},
    ),
    "training.script.configMapRef.key": (
        PLAIN,
        {"training": {"script": {"configMapRef": {"name": "iris", "key": "b.py"}}}},
    ),
    "training.command[]": ({"training": {"image": "a:1"}}, {"training": {"image": "a:1", "command": ["train"]}}),
    "training.args[]": (PLAIN, training(args=["--fast"])),
    "training.env[].name": (env(value="1"), training(env=[{"name": "B", "value": "1"}])),
    "training.env[].value": (env(value="1"), env(value="2")),
    "training.env[].valueFrom.fieldRef.fieldPath": (
        env(valueFrom={"fieldRef": {"fieldPath": "metadata.name"}}),
        env(valueFrom={"fieldRef": {"fieldPath": "metadata.uid"}}),
    ),
    **{
        f"training.env[].valueFrom.{kind}.{field}": (key_ref(kind), key_ref(kind, **{field: value}))
        for kind in ("secretKeyRef", "configMapKeyRef")
        for field, value in (("name", "m"), ("key", "l"), ("optional", True))
    },
    "training.envFrom[].prefix": (
        env_from(secretRef={"name": "s"}),
        env_from(secretRef={"name": "s"}, prefix="P_"),
    ),
    "training.envFrom[].configMapRef.name": (
        env_from(configMapRef={"name": "a"}),
        env_from(configMapRef={"name": "b"}),
    ),
    "training.envFrom[].secretRef.name": (env_from(secretRef={"name": "a"}), env_from(secretRef={"name": "b"})),
    "training.params.*": (PLAIN, training(params={"epochs": "3"})),
    "training.inputs[].name": (data(), data(name="test")),
    "training.inputs[].mountPath": (data(), data(mountPath="/data/other")),
    "training.inputs[].configMap.name": (data(), data(configMap={"name": "other"})),
    "training.inputs[].persistentVolumeClaim.claimName": (claim(), claim(claimName="d")),
    "training.inputs[].persistentVolumeClaim.subPath": (claim(), claim(subPath="part")),
    "training.backoffLimit": (PLAIN, training(backoffLimit=0)),
    "training.activeDeadlineSeconds": (PLAIN, training(activeDeadlineSeconds=60)),
    "training.suspend": (PLAIN, training(suspend=True)),
    "training.runId": (PLAIN, training(runId="2")),
}


def placed(part: str, **fields: Any) -> dict[str, Any]:
    return training(**fields) if part == "training" else serving(**fields)


for _part in ("training", "serving"):
    PROOFS |= {
        f"{_part}.nodeSelector.*": (PLAIN, placed(_part, nodeSelector={"disk": "ssd"})),
        f"{_part}.affinity": (PLAIN, placed(_part, affinity=AFFINITY)),
        f"{_part}.imagePullSecrets[].name": (PLAIN, placed(_part, imagePullSecrets=[{"name": "pull"}])),
        f"{_part}.resources.requests.*": (PLAIN, placed(_part, resources={"requests": {"cpu": "2"}})),
        f"{_part}.resources.limits.*": (PLAIN, placed(_part, resources={"limits": {"cpu": 2}})),
        **{
            f"{_part}.tolerations[].{field}": (
                placed(_part, tolerations=[tolerated()]),
                placed(_part, tolerations=[tolerated(**{field: value})]),
            )
            for field, value in (
                ("key", "x"),
                ("operator", "Exists"),
                ("value", "no"),
                ("effect", "NoSchedule"),
                ("tolerationSeconds", 1),
            )
        },
    }


def leaves(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Paths of the fields that hold a value: a.b for a field, a[] for a list's items, a.* for a map's values."""
    fields: Mapping[str, Any] = schema.get("properties", {})
    if fields:
        for name, inner in fields.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif schema.get("type") == "array":
        yield from leaves(schema["items"], f"{path}[]")
    elif isinstance(schema.get("additionalProperties"), dict):
        yield f"{path}.*"
    else:
        yield path


def spec_schema() -> Mapping[str, Any]:
    version = custom_resource_definition()["spec"]["versions"][0]
    found: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def rendered(spec: Mapping[str, Any]) -> str:
    """All that is applied for a spec, before its run, after it, and a year later; without the run's key, which any change changes."""
    model: TFModel = a_tfmodel(**spec)
    finished, pod = a_finished_run(model)
    seen = (Observation(), Observation(jobs=(finished,), pods=(pod,)))
    plans = [plan(model, one, NOW, RELEASE) for one in seen]
    a_year_later = model.model_copy(update={"status": plans[-1].status})
    plans.append(plan(a_year_later, seen[-1], NOW + timedelta(days=366), RELEASE))
    return json.dumps([one.manifest for made in plans for one in made.apply]).replace(run_key(model), "RUN")


def test_every_field_of_the_schema_has_a_proof() -> None:
    assert sorted(leaves(spec_schema())) == sorted(PROOFS)


@pytest.mark.parametrize("path", sorted(PROOFS))
def test_a_field_changes_a_child(path: str) -> None:
    before, after = PROOFS[path]
    assert rendered(before) != rendered(after)
