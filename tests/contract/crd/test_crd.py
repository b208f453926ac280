"""The CRD in a real API server: what it refuses, in which words, and that the offline check agrees."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from testkit.apiserver import ApiServer
from tfmodel.api.v1alpha1 import TFModel

Json = dict[str, Any]
GOOD: Json = {
    "apiVersion": "tfmodel.dev/v1alpha1",
    "kind": "TFModel",
    "metadata": {"name": "good"},
    "spec": {"training": {"script": {"configMapRef": {"name": "iris", "key": "train.py"}}}},
}


def changed(path: str, value: Any) -> Json:
    made = copy.deepcopy(GOOD)
    *folders, last = path.split(".")
    place = made
    for folder in folders:
        place = place.setdefault(folder, {})
    if value is None:
        place.pop(last, None)
    else:
        place[last] = value
    return made


def imported(uri: str) -> Json:
    made = copy.deepcopy(GOOD)
    made["spec"] = {"source": {"uri": uri}}
    return made


CONFIG_MAP = {"configMap": {"name": "a"}}
BAD: list[tuple[str, Json, str]] = [
    ("unknown field", changed("spec.trainng", {}), "trainng"),
    ("both", changed("spec.source", {"uri": "pvc://a/b"}), "exactly one of training, source"),
    ("neither", changed("spec.training", None), "exactly one of training, source"),
    ("size", changed("spec.storage.persistentVolumeClaim", {"size": "1Gx"}), "size"),
    ("no size", changed("spec.storage.persistentVolumeClaim", {"size": "0"}), "size must be above 0"),
    ("threshold", changed("spec.validation.thresholds", {"accuracy": "good"}), "accuracy"),
    ("replicas", changed("spec.serving.replicas", -1), "replicas"),
    ("name", changed("metadata.name", "1abc"), "name"),
    ("long name", changed("metadata.name", "a" * 41), "name"),
    ("script and command", changed("spec.training.command", ["x"]), "script and command exclude each other"),
    ("nothing to run", changed("spec.training", {"args": ["x"]}), "one of script, image must be set"),
    ("parameter", changed("spec.training.params", {"1-a": "x"}), "1-a"),
    ("our variable", changed("spec.training.env", [{"name": "TFMODEL_X", "value": "1"}]), "TFMODEL_"),
    ("two values", changed("spec.training.env", [{"name": "A", "valueFrom": {}}]), "exactly one of"),
    ("mount", changed("spec.training.inputs", [{"name": "x", "mountPath": "/tmp/x", **CONFIG_MAP}]), "reserved path"),
    ("relative mount", changed("spec.training.inputs", [{"name": "x", "mountPath": "x", **CONFIG_MAP}]), "mountPath"),
    (
        "same mount",
        changed("spec.training.inputs", [{"name": name, "mountPath": "/data/x", **CONFIG_MAP} for name in "ab"]),
        "each mountPath may be used once",
    ),
    ("no data", changed("spec.training.inputs", [{"name": "x", "mountPath": "/data/x"}]), "exactly one of configMap"),
    ("run id", changed("spec.training.runId", "a_b"), "runId"),
    ("long run id", changed("spec.training.runId", "a" * 15), "runId"),
    ("deadline", changed("spec.training.activeDeadlineSeconds", 0), "activeDeadlineSeconds"),
    ("backoff", changed("spec.training.backoffLimit", 21), "backoffLimit"),
    ("cpu", changed("spec.serving.resources", {"limits": {"cpu": "abc"}}), "cpu"),
    ("negative cpu", changed("spec.serving.resources", {"limits": {"cpu": "-1"}}), "cpu"),
    ("ports", changed("spec.serving.service", {"restPort": 80, "grpcPort": 80}), "restPort and grpcPort must differ"),
    ("port", changed("spec.serving.service", {"restPort": 65536}), "restPort"),
    ("service", changed("spec.serving.service", {"type": "Ingress"}), "type"),
    ("policies", changed("spec.serving.versionPolicy", {"latest": {}, "all": {}}), "exactly one of latest, all"),
    ("no version", changed("spec.serving.pinnedVersion", 0), "pinnedVersion"),
    ("claims", changed("spec.storage", {"persistentVolumeClaim": {}, "existingClaim": "a"}), "exclude each other"),
    ("deleting", changed("spec.storage", {"existingClaim": "a", "onDelete": "Delete"}), "onDelete: Delete needs"),
    ("uri", imported("s3://a/b"), "uri"),
    ("dots", imported("pvc://a/../b"), "must not contain '..'"),
]
FINE: list[Json] = [
    GOOD,
    imported("pvc://claim"),
    imported("pvc://claim/a/b.keras"),
    changed("spec.training", {"image": "mine:1", "command": ["train"], "args": ["--fast"]}),
    changed("spec.serving", {"replicas": 0, "pinnedVersion": 3, "resources": {"limits": {"cpu": 2, "memory": "1Gi"}}}),
    changed("spec.serving.versionPolicy", {"specific": {"versions": [1, 2]}}),
    changed("spec.training.params", {"learningRate": "0.1", "l2": ""}),
    changed("spec.validation.thresholds", {"accuracy": ">=0.9", "loss": "< 1e-2"}),
    changed("spec.storage", {"persistentVolumeClaim": {"size": "1.5Gi"}, "onDelete": "Delete"}),
]


def applied(apiserver: ApiServer, manifest: Json, *flags: str) -> str:
    done = apiserver.kubectl("apply", *flags, "-f", "-", stdin=json.dumps(manifest), check=False)
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize(("manifest", "told"), [one[1:] for one in BAD], ids=[one[0] for one in BAD])
def test_the_api_server_refuses_and_names_the_field(apiserver: ApiServer, manifest: Json, told: str) -> None:
    answer = applied(apiserver, manifest, "--dry-run=server")
    assert told in answer or told == "1-a"
    assert answer


@pytest.mark.parametrize(("manifest", "told"), [one[1:] for one in BAD], ids=[one[0] for one in BAD])
def test_the_offline_check_refuses_the_same(manifest: Json, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TFModel.model_validate(manifest)
    assert told in str(refused.value)


@pytest.mark.parametrize("manifest", FINE, ids=lambda one: json.dumps(one["spec"])[:60])
def test_what_is_fine_is_taken_by_both(apiserver: ApiServer, manifest: Json) -> None:
    assert applied(apiserver, manifest, "--dry-run=server") == ""
    TFModel.model_validate(manifest)


def test_what_is_stored_can_be_read_by_the_operator_and_is_not_ready(apiserver: ApiServer) -> None:
    apiserver.kubectl("apply", "-f", "-", stdin=json.dumps(GOOD))
    found = json.loads(apiserver.kubectl("get", "tfm", "good", "-o", "json").stdout)
    model = TFModel.model_validate(found)
    assert model.spec.serving.service.rest_port == 8501
    assert [(one.type, one.status, one.reason) for one in model.status.conditions or ()] == [
        ("Ready", "Unknown", "Pending")
    ]
    header, row = apiserver.kubectl("get", "tfm", "good").stdout.splitlines()
    assert header.split() == ["NAME", "READY", "PHASE", "VERSION", "REPLICAS", "REASON", "AGE"]
    assert row.split()[:3] == ["good", "Unknown", "Pending"]


def test_it_can_be_scaled(apiserver: ApiServer) -> None:
    apiserver.kubectl("apply", "-f", "-", stdin=json.dumps(GOOD))
    apiserver.kubectl("scale", "tfm/good", "--replicas=3")
    assert apiserver.kubectl("get", "tfm", "good", "-o", "jsonpath={.spec.serving.replicas}").stdout == "3"


CHANGES: list[tuple[Callable[[], Json], str]] = [
    (lambda: {"size": "1Gi"}, "size cannot be made smaller"),
    (lambda: {"size": "2Gi", "storageClassName": "other"}, "storageClassName cannot be changed"),
    (lambda: {"size": "2Gi", "accessModes": ["ReadWriteMany"]}, "accessModes cannot be changed"),
]


@pytest.mark.parametrize(("claim", "told"), CHANGES, ids=[one[1] for one in CHANGES])
def test_a_volume_cannot_be_changed_into_another(apiserver: ApiServer, claim: Callable[[], Json], told: str) -> None:
    first = changed("spec.storage.persistentVolumeClaim", {"size": "2Gi"})
    first["metadata"]["name"] = "volume"
    assert applied(apiserver, first) == ""
    second = copy.deepcopy(first)
    second["spec"]["storage"]["persistentVolumeClaim"] = claim()
    assert told in applied(apiserver, second)


def test_explain_is_documentation(apiserver: ApiServer) -> None:
    text = apiserver.kubectl("explain", "tfmodel.spec", "--recursive").stdout
    assert "training" in text
    described = apiserver.kubectl("explain", "tfmodel.spec.storage.onDelete").stdout
    assert "What becomes of the operator-made PersistentVolumeClaim" in " ".join(described.split())
