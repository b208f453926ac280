"""The TFModels of the benchmark: a mix as a shared cluster has it, by what becomes of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

NAMESPACES = 20
_SCRIPT = {"configMapRef": {"name": "scripts", "key": "train.py"}}
_RESOURCES = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of TFModel: its share of a hundred, the phase in which it rests, its spec."""

    name: str
    share: int
    phase: str
    spec: dict[str, Any]


def _training(**more: Any) -> dict[str, Any]:
    params = {"epochs": "60", "learningRate": "0.02", "batchSize": "32"}
    inputs = [{"name": "train", "mountPath": "/data/train", "configMap": {"name": "data"}}]
    return {"script": _SCRIPT, "params": params, "inputs": inputs, "resources": _RESOURCES, "backoffLimit": 0, **more}


KINDS = (
    Kind("trained", 60, "Ready", {"training": _training(), "validation": {"thresholds": {"accuracy": ">=0.9"}}}),
    Kind("source", 20, "Ready", {"source": {"uri": "pvc://models/resnet"}, "serving": {"resources": _RESOURCES}}),
    Kind("wide", 4, "Ready", {"training": _training(), "serving": {"replicas": 2, "resources": _RESOURCES}}),
    Kind("stopped", 4, "Stopped", {"training": _training(), "serving": {"replicas": 0}}),
    Kind("fails", 6, "Failed", {"training": _training()}),
    Kind("suspended", 6, "Suspended", {"training": _training(suspend=True)}),
)


def kind_of(name: str) -> Kind:
    """The kind of the TFModel with that name."""
    return next(kind for kind in KINDS if name.startswith(kind.name))


def namespace(number: int) -> str:
    return f"team-{number % NAMESPACES:02d}"


def models(count: int) -> Iterator[dict[str, Any]]:
    """`count` TFModels, the kinds mixed, spread over the namespaces."""
    order = [kind for kind in KINDS for _ in range(kind.share)]
    for number in range(count):
        kind = order[number * 37 % len(order)]
        yield {
            "apiVersion": "tfmodel.dev/v1alpha1",
            "kind": "TFModel",
            "metadata": {"name": f"{kind.name}-{number:04d}", "namespace": namespace(number)},
            "spec": kind.spec,
        }
