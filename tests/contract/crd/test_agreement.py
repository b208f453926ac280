"""Every bound of every field, broken one at a time: the API server and the offline check both refuse, and name the field.

Manifests that together set every field are walked along the schema; at each place a value is put there that its type, bounds,
pattern, list or an unknown name forbid. A field of the schema that no manifest sets fails the first test.
"""

import copy
import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError

from testkit.apiserver import TOKEN, ApiServer
from tfmodel.api.crd import custom_resource_definition
from tfmodel.api.v1alpha1 import TFModel

Json = dict[str, Any]
Path = tuple[str | int, ...]
SCHEMA: Json = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
RESOURCES = {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": "500m"}}
PLACEMENT: Json = {
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [
        {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 60}
    ],
    "affinity": {"nodeAffinity": {}},
    "imagePullSecrets": [{"name": "registry"}],
}
SCRIPT = {"configMapRef": {"name": "iris", "key": "train.py"}}
MANIFESTS: dict[str, Json] = {
    "script": {
        "training": {
            "script": SCRIPT,
            "args": ["--fast"],
            "env": [{"name": "A", "value": "b"}],
            "envFrom": [{"prefix": "P_", "configMapRef": {"name": "env"}}],
            "params": {"epochs": "30"},
            "inputs": [{"name": "train", "mountPath": "/data/train", "configMap": {"name": "iris"}}],
            "resources": RESOURCES,
            "backoffLimit": 1,
            "activeDeadlineSeconds": 60,
            "suspend": False,
            "workers": 2,
            "schedule": "0 3 * * *",
            "runId": "1",
            **PLACEMENT,
        },
        "export": {
            "formats": ["TFLite", "ONNX"],
            "tflite": {"quantization": "Int8", "representativeInput": "train"},
            "featureNames": ["width", "height"],
        },
        "validation": {
            "signature": "serving_default",
            "thresholds": {"accuracy": ">=0.9"},
            "smokeRequest": {"instances": [[1.0]]},
            "allowBreakingSignature": False,
            "allowedOperations": ["ReadFile"],
        },
        "storage": {
            "persistentVolumeClaim": {"size": "2Gi", "storageClassName": "fast", "accessModes": ["ReadWriteMany"]},
            "keepVersions": 3,
            "onDelete": "Delete",
        },
        "serving": {
            "replicas": 2,
            "processes": 2,
            "versionPolicy": {"latest": {"count": 2}},
            "pinnedVersion": 1,
            "optimize": "XLA",
            "warmup": {"enabled": False, "iterations": 2},
            "reload": {"pollInterval": "2s", "maxLoadRetries": 1, "loadRetryInterval": "5s"},
            "drain": {"delay": "1s", "grace": "10s"},
            "resources": RESOURCES,
            "tls": {"secretName": "tls", "clientCASecretName": "ca"},
            "auth": {"tokenSecretRef": {"name": "tokens", "key": "iris"}},
            "limits": {"maxBodyBytes": "1Mi", "maxRequestsInFlight": 8, "requestTimeout": "5s"},
            "service": {"type": "NodePort", "annotations": {"a": "b"}, "restPort": 80, "grpcPort": 81},
            **PLACEMENT,
        },
        "paused": False,
    },
    "command": {
        "training": {
            "image": "mine:1",
            "command": ["train"],
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}}],
            "envFrom": [{"secretRef": {"name": "env"}}],
            "inputs": [
                {
                    "name": "train",
                    "mountPath": "/data/train",
                    "persistentVolumeClaim": {"claimName": "data", "subPath": "train"},
                }
            ],
        },
        "serving": {
            "versionPolicy": {"specific": {"versions": [1, 2]}},
            "versionLabels": {"stable": 1, "canary": 2},
            "handler": {"configMapRef": {"name": "handler", "key": "service.py"}},
            "batching": {
                "maxBatchSize": 8,
                "batchTimeout": "5ms",
                "maxEnqueuedBatches": 10,
                "numBatchThreads": 2,
                "allowedBatchSizes": [2, 8],
                "padVariableLengthInputs": True,
                "enableLargeBatchSplitting": True,
            },
        },
    },
    "source": {
        "source": {"uri": "pvc://claim/a/model.keras", "runId": "2"},
        "storage": {"existingClaim": "models"},
        "serving": {"versionPolicy": {"all": {}}},
    },
    "fetched": {
        "source": {
            "uri": "s3://models/iris",
            "format": "SavedModel",
            "secretRef": {"name": "keys"},
            "caBundleRef": {"name": "ca", "key": "ca.crt"},
            "sha256": "a" * 64,
            "tags": ["serve", "gpu"],
        }
    },
    "graph": {
        "source": {
            "uri": "https://models.example/graph.pb",
            "format": "FrozenGraph",
            "inputs": {"x": "x:0"},
            "outputs": {"y": "scope/y"},
        }
    },
    "config map": {
        "training": {
            "script": SCRIPT,
            "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "s", "key": "k", "optional": False}}}],
        }
    },
    "field": {
        "training": {
            "script": SCRIPT,
            "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        }
    },
}


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a manifest, and its schema."""

    manifest: str
    path: Path
    schema: Mapping[str, Any]
    value: Any

    @property
    def dotted(self) -> str:
        return ".".join(str(part) for part in self.path)


def places() -> Iterator[Place]:
    for name, spec in MANIFESTS.items():
        yield from _below(Place(name, (), SCHEMA, spec))


def _below(place: Place) -> Iterator[Place]:
    yield place
    schema, value = place.schema, place.value
    if isinstance(value, dict):
        for name, inner in value.items():
            field = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if field is not None:
                yield from _below(Place(place.manifest, (*place.path, name), field, inner))
    elif isinstance(value, list):
        yield from _below(Place(place.manifest, (*place.path, 0), schema["items"], value[0]))


def fields(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from fields(field.get("items", field), f"{path}.{name}")


def broken(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    """Values that the schema forbids, each with what it breaks."""
    kind = schema.get("type", "quantity")
    yield "type", {"string": 7, "integer": "seven", "boolean": "perhaps"}.get(kind, ["x"] if kind != "array" else "x")
    if kind in ("integer", "boolean"):
        yield "text", json.dumps(value)
        yield "truth or number", True if kind == "integer" else 1
    yield from broken_scalar(schema)
    yield from broken_collection(schema, value)


def broken_scalar(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if "enum" in schema:
        yield "enum", "Nonsense"
    if "pattern" in schema:
        yield "pattern", "/a b:!"
    if "minimum" in schema:
        yield "minimum", schema["minimum"] - 1
    if "maximum" in schema:
        yield "maximum", schema["maximum"] + 1
    if schema.get("minLength"):
        yield "minLength", ""
    if "maxLength" in schema:
        yield "maxLength", "a" * (schema["maxLength"] + 1)


def broken_collection(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    if schema.get("minItems"):
        yield "minItems", []
    if "maxItems" in schema:
        yield "maxItems", value * (schema["maxItems"] + 1)
    if schema.get("x-kubernetes-list-type") in ("set", "map"):
        yield "twice", [*value, value[0]]
    if "maxProperties" in schema:
        (one, *_) = value.values()
        yield "maxProperties", {f"a{number}": one for number in range(schema["maxProperties"] + 1)}
    if "properties" in schema:
        yield "unknown", {**value, "unheardOf": 1}
        yield from ((f"without {name}", {**value, name: None}) for name in schema.get("required", ()))


def manifest(place: Place, value: Any) -> Json:
    spec = copy.deepcopy(MANIFESTS[place.manifest])
    if not place.path:
        return a_tfmodel(value)
    target: Any = spec
    for part in place.path[:-1]:
        target = target[part]
    target[place.path[-1]] = value
    return a_tfmodel(spec)


def a_tfmodel(spec: Any) -> Json:
    return {"apiVersion": "tfmodel.dev/v1alpha1", "kind": "TFModel", "metadata": {"name": "a"}, "spec": without(spec)}


def without(value: Any) -> Any:
    """The value, fields that are None left out."""
    if isinstance(value, dict):
        return {name: without(inner) for name, inner in value.items() if inner is not None}
    return [without(inner) for inner in value] if isinstance(value, list) else value


def refusal(server: ApiServer, made: Json) -> str:
    """What the API server says against a new object; empty if it takes it."""
    request = urllib.request.Request(
        f"{server.url}/apis/tfmodel.dev/v1alpha1/namespaces/default/tfmodels?dryRun=All&fieldValidation=Strict",
        data=json.dumps(made).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, context=ssl._create_unverified_context(), timeout=30):
            return ""
    except urllib.error.HTTPError as error:
        answer = json.loads(error.read())
        if answer["code"] in (400, 422):
            return str(answer["message"])
        raise


def cases() -> Iterator[Any]:
    seen: set[tuple[str, str]] = set()
    for place in places():
        for what, value in broken(place.schema, place.value):
            name = f"{place.dotted or 'spec'}: {what}"
            if (place.dotted, what) not in seen:
                seen.add((place.dotted, what))
                yield pytest.param(place, what, value, id=name)


def test_the_manifests_set_every_field_of_the_schema() -> None:
    found = {"." + re.sub(r"\.\d+", "", place.dotted) for place in places()}
    assert [path for path in fields(SCHEMA) if path not in found] == []


@pytest.mark.parametrize("name", MANIFESTS)
def test_as_they_are_both_take_them(apiserver: ApiServer, name: str) -> None:
    made = a_tfmodel(MANIFESTS[name])
    assert refusal(apiserver, made) == ""
    TFModel.model_validate(made)


def named(place: Place, what: str) -> str:
    """The name that a person must find in the answer."""
    if what.startswith("without "):
        return what.removeprefix("without ")
    if what == "unknown":
        return "unheardOf"
    names = [part for part in place.path if isinstance(part, str)]
    return names[-1] if names else "spec"


@pytest.mark.parametrize(("place", "what", "value"), list(cases()))
def test_a_broken_bound_is_refused_by_both_with_the_fields_name(
    apiserver: ApiServer, place: Place, what: str, value: Any
) -> None:
    made = manifest(place, value)
    told = refusal(apiserver, made)
    assert told, "the API server takes it"
    with pytest.raises(ValidationError) as refused:
        TFModel.model_validate(made)
    assert named(place, what) in told
    assert named(place, what) in str(refused.value)
