"""What is kept of an object that was seen: the fields that a plan reads, and no others.

A pod is 10 kB of JSON and fifty times that in a list of fifty; of it a plan reads its labels, its state and its containers' states.
What is written here for a kind is what the rest of the operator can know of it. Names and short texts are shared between objects,
since most objects say the same.
"""

import sys
from collections.abc import Mapping
from typing import Any

from tfmodel_operator.values import Manifest

WHOLE = None
"""Keeps a field with all that is in it."""
Fields = Mapping[str, Any]
"""Fields to keep: each WHOLE, or the fields to keep of it; of a list, those of each item."""

_LONGEST_SHARED = 64
_OBJECT: Fields = {
    "apiVersion": WHOLE,
    "kind": WHOLE,
    "metadata": {
        "namespace": WHOLE,
        "name": WHOLE,
        "uid": WHOLE,
        "resourceVersion": WHOLE,
        "generation": WHOLE,
        "creationTimestamp": WHOLE,
        "deletionTimestamp": WHOLE,
        "labels": WHOLE,
        "ownerReferences": {"uid": WHOLE},
    },
}
_CONDITIONS: Fields = {
    "type": WHOLE,
    "status": WHOLE,
    "reason": WHOLE,
    "message": WHOLE,
    "lastTransitionTime": WHOLE,
}
_CONTAINER: Fields = {"name": WHOLE, "resources": {"limits": {"memory": WHOLE}}}
_CONTAINER_STATE: Fields = {"name": WHOLE, "image": WHOLE, "state": WHOLE, "lastState": WHOLE}
_OF_KIND: Mapping[str, Fields] = {
    "TFModel": {"spec": WHOLE, "status": WHOLE},
    "Job": {
        "spec": {"suspend": WHOLE, "backoffLimit": WHOLE},
        "status": {
            "conditions": _CONDITIONS,
            "startTime": WHOLE,
            "completionTime": WHOLE,
            "active": WHOLE,
            "succeeded": WHOLE,
            "failed": WHOLE,
        },
    },
    "Pod": {
        "spec": {"nodeName": WHOLE, "initContainers": _CONTAINER, "containers": _CONTAINER},
        "status": {
            "phase": WHOLE,
            "reason": WHOLE,
            "message": WHOLE,
            "podIP": WHOLE,
            "conditions": _CONDITIONS,
            "initContainerStatuses": _CONTAINER_STATE,
            "containerStatuses": _CONTAINER_STATE,
        },
    },
    "Deployment": {
        "status": {
            "observedGeneration": WHOLE,
            "replicas": WHOLE,
            "updatedReplicas": WHOLE,
            "conditions": _CONDITIONS,
        },
    },
    "Service": {},
    "PersistentVolumeClaim": {"spec": {"resources": {"requests": {"storage": WHOLE}}}},
}


def trimmed(found: Manifest) -> Manifest:
    """The object with the fields that are kept of its kind."""
    kept: Manifest = _kept(found, {**_OBJECT, **_OF_KIND[str(found["kind"])]})
    return kept


def _kept(value: Any, fields: Fields | None) -> Any:
    if fields is WHOLE:
        return _shared(value)
    if isinstance(value, list | tuple):
        return [_kept(one, fields) for one in value]
    if not isinstance(value, Mapping):
        return value
    return {name: _kept(value[name], part) for name, part in fields.items() if name in value}


def _shared(value: Any) -> Any:
    """The value, its names and short texts being the same objects as in other values."""
    if isinstance(value, str):
        return sys.intern(value) if len(value) <= _LONGEST_SHARED else value
    if isinstance(value, Mapping):
        return {sys.intern(str(name)): _shared(part) for name, part in value.items()}
    return [_shared(one) for one in value] if isinstance(value, list | tuple) else value
