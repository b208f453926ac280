"""The CustomResourceDefinition, made from the types of `tfmodel.api.v1alpha1`.

JSON Schema as pydantic writes it becomes a structural schema as Kubernetes asks for: no references, no null, no titles,
no closed objects (unknown fields are pruned or refused by the API server itself). What the types say beyond that
(`x-kubernetes-*`, CEL rules, descriptions, bounds) is carried over as it is.
"""

from collections.abc import Mapping
from typing import Any

from tfmodel.api.status import TFModelStatus
from tfmodel.api.v1alpha1 import (
    GROUP,
    KIND,
    NAME_MAX_LENGTH,
    NAME_PATTERN,
    PLURAL,
    VERSION,
    WORKERS_NAMES_MAX_LENGTH,
    WORKERS_NAMES_TOO_LONG,
    TFModelSpec,
)

Schema = dict[str, Any]

_DROPPED = {"title", "propertyNames", "patternProperties"}
_COLUMNS: tuple[tuple[str, str, str, str, int], ...] = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', "Whether a checked version answers", 0),
    ("Phase", "string", ".status.phase", "The state in one word", 0),
    ("Version", "integer", ".status.activeVersion", "Version that every ready pod answers with", 0),
    ("Replicas", "string", ".status.replicasSummary", "Ready of wanted runtime pods", 0),
    ("Progress", "integer", ".status.training.progressPercentage", "How much of the training is done, in percent", 0),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', "Why it is ready or not", 0),
    ("Age", "date", ".metadata.creationTimestamp", "Time since creation", 0),
    ("Accuracy", "string", ".status.training.metrics.accuracy", "Accuracy that the training reported", 1),
    ("URL", "string", '.status.endpoints[?(@.protocol=="REST")].url', "Where it answers over REST", 1),
    ("Image", "string", ".spec.training.image", "Image of the training container", 1),
)
_NOT_SEEN_YET = {
    "type": "Ready",
    "status": "Unknown",
    "reason": "Pending",
    "message": "Waiting for the operator",
    "lastTransitionTime": "1970-01-01T00:00:00Z",
}


def custom_resource_definition() -> dict[str, Any]:
    """The CustomResourceDefinition of TFModel, as JSON."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["tfm"],
                "categories": ["ml"],
            },
            "versions": [_version()],
        },
    }


def _version() -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.serving.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, "description": text, "priority": priority}
            for name, kind, path, text, priority in _COLUMNS
        ],
        "schema": {"openAPIV3Schema": _root()},
    }


def _root() -> Schema:
    status = structural(TFModelStatus.model_json_schema(by_alias=True))
    return {
        "type": "object",
        "description": "A TensorFlow model: how it comes to be, what it must pass, where its versions live, how it is served.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "tfmodel.dev/v1alpha1"},
            "kind": {"type": "string", "description": KIND},
            "metadata": {"type": "object"},
            "spec": structural(TFModelSpec.model_json_schema(by_alias=True)),
            "status": {**status, "default": {"conditions": [_NOT_SEEN_YET]}},
        },
        "x-kubernetes-validations": [
            {
                "rule": f"self.metadata.name.size() <= {NAME_MAX_LENGTH}",
                "message": f"metadata.name must have at most {NAME_MAX_LENGTH} characters: its children's names are made from it",
            },
            {
                "rule": f"self.metadata.name.matches('{NAME_PATTERN}')",
                "message": "metadata.name must start with a letter and hold only a-z, 0-9 and -: a Service is named like it",
            },
            {
                "rule": (
                    "!has(self.spec.training) || self.spec.training.workers < 2 || "
                    f"self.metadata.name.size() + self.spec.training.runId.size() <= {WORKERS_NAMES_MAX_LENGTH}"
                ),
                "message": WORKERS_NAMES_TOO_LONG,
            },
        ],
    }


def structural(schema: Mapping[str, Any]) -> Schema:
    """A JSON schema as a structural schema: references put in their place, null and titles left out."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    return _structural({name: part for name, part in schema.items() if name != "$defs"}, definitions)


def _structural(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    flat = _without_null(_resolved(schema, definitions), definitions)
    made: Schema = {}
    for name, part in flat.items():
        if name in _DROPPED or (name == "default" and part is None):
            continue
        if name == "properties":
            made[name] = {field: _structural(inner, definitions) for field, inner in part.items()}
        elif name == "items":
            made[name] = _structural(part, definitions)
        elif name == "additionalProperties":
            if isinstance(part, dict):
                made[name] = _structural(part, definitions)
        elif name == "const":
            made["enum"] = [part]
        else:
            made[name] = part
    if not made.get("additionalProperties") and "patternProperties" in flat:
        made["additionalProperties"] = _structural(next(iter(flat["patternProperties"].values())), definitions)
    return made


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    if "$ref" not in schema:
        return dict(schema)
    target = definitions[schema["$ref"].rsplit("/", 1)[1]]
    return {**_resolved(target, definitions), **{name: part for name, part in schema.items() if name != "$ref"}}


def _without_null(schema: Schema, definitions: Mapping[str, Any]) -> Schema:
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if len(options) != 1:
        return schema
    outer = {name: part for name, part in schema.items() if name != "anyOf"}
    return {**_resolved(options[0], definitions), **outer}
