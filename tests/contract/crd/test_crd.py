"""The CRD in a real API server: what it refuses, in which words, and that the offline check agrees."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from testkit.apiserver import ApiServer
from tfmodel.api.crd import custom_resource_definition
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


def with_workers(name: str = "iris", **training: Any) -> Json:
    made = changed("metadata.name", name)
    made["spec"]["training"].update({"workers": 2, **training})
    return made


def imported(uri: str, **fields: Any) -> Json:
    made = copy.deepcopy(GOOD)
    made["spec"] = {"source": {"uri": uri, **fields}}
    return made


KEYS = {"name": "keys"}
TENSORS = {"inputs": {"x": "x:0"}, "outputs": {"y": "y:0"}}
CONFIG_MAP = {"configMap": {"name": "a"}}
BAD: list[tuple[str, Json, str]] = [
    ("unknown field", changed("spec.trainng", {}), "trainng"),
    ("both", changed("spec.source", {"uri": "pvc://a/b"}), "exactly one of training, source"),
    ("neither", changed("spec.training", None), "exactly one of training, source"),
    ("size", changed("spec.storage.persistentVolumeClaim", {"size": "1Gx"}), "size"),
    ("a body of any size", changed("spec.serving.limits", {"maxBodyBytes": "2Gi"}), "maxBodyBytes must be above 0"),
    ("no time", changed("spec.serving.limits", {"requestTimeout": "0s"}), "requestTimeout must be above 0"),
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
    (
        "dots in a volume",
        changed(
            "spec.training.inputs",
            [{"name": "x", "mountPath": "/d", "persistentVolumeClaim": {"claimName": "c", "subPath": "a/../b"}}],
        ),
        "subPath must not contain '..'",
    ),
    (
        "two at once",
        changed("spec.training.envFrom", [{"configMapRef": {"name": "a"}, "secretRef": {"name": "b"}}]),
        "exactly one of configMapRef, secretRef",
    ),
    (
        "workers' own cluster",
        with_workers(env=[{"name": "TF_CONFIG", "value": "{}"}]),
        "env: TF_CONFIG is set by the operator when workers is above 1",
    ),
    ("workers' long names", with_workers(name="a" * 40, runId="b" * 11), "must have at most 50 characters together"),
    ("schedule", changed("spec.training.schedule", "every day"), "schedule"),
    ("workers", changed("spec.training.workers", 0), "workers"),
    ("operation", changed("spec.validation.allowedOperations", ["Read File"]), "allowedOperations"),
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
    (
        "rows for no int8",
        changed("spec.export", {"formats": ["TFLite"], "tflite": {"representativeInput": "a"}}),
        "representativeInput is for quantization Int8",
    ),
    (
        "rows of nowhere",
        changed("spec.export", {"formats": ["TFLite"], "tflite": {"quantization": "Int8", "representativeInput": "a"}}),
        "representativeInput must name one of training.inputs",
    ),
    (
        "int8 without rows",
        changed("spec.export", {"formats": ["TFLite"], "tflite": {"quantization": "Int8"}}),
        "Int8 needs representative rows",
    ),
    ("tflite of no file", changed("spec.export", {"tflite": {}}), "tflite needs TFLite among formats"),
    ("one format twice", changed("spec.export", {"formats": ["ONNX", "ONNX"]}), "formats"),
    ("an unknown format", changed("spec.export", {"formats": ["Caffe"]}), "formats"),
    ("one feature twice", changed("spec.export", {"featureNames": ["a", "a"]}), "featureNames"),
    ("TensorRT", changed("spec.serving", {"optimize": "TensorRT"}), "use Graph, or XLA"),
    ("an unknown optimisation", changed("spec.serving", {"optimize": "graph"}), "optimize"),
    ("pin and labels", changed("spec.serving", {"pinnedVersion": 1, "versionLabels": {"a": 1}}), "exclude each other"),
    ("label", changed("spec.serving.versionLabels", {"a-b": 1}), "versionLabels: a label is made of letters"),
    ("label of 0", changed("spec.serving.versionLabels", {"a": 0}), "versionLabels"),
    ("rows", changed("spec.serving.batching", {"allowedBatchSizes": [4, 2, 32]}), "allowedBatchSizes must increase"),
    ("last rows", changed("spec.serving.batching", {"allowedBatchSizes": [2, 4]}), "must be maxBatchSize"),
    ("no rows", changed("spec.serving.batching", {"maxBatchSize": 0}), "maxBatchSize"),
    ("duration", changed("spec.serving.drain", {"grace": "soon"}), "grace"),
    ("poll", changed("spec.serving.reload", {"pollInterval": "10ms"}), "pollInterval must be at least 100ms"),
    ("claims", changed("spec.storage", {"persistentVolumeClaim": {}, "existingClaim": "a"}), "exclude each other"),
    ("deleting", changed("spec.storage", {"existingClaim": "a", "onDelete": "Delete"}), "onDelete: Delete needs"),
    ("uri", imported("ftp://a/b"), "uri"),
    ("password", imported("https://me:word@a/b.tgz"), "uri must not hold a password"),
    ("plain http", imported("http://a/b.tgz"), "http:// needs sha256 and no secretRef"),
    (
        "plain http with a secret",
        imported("http://a/b", sha256="0" * 64, secretRef=KEYS),
        "needs sha256 and no secretRef",
    ),
    ("secret of a claim", imported("pvc://a/b", secretRef=KEYS), "are for what is fetched"),
    ("digest", imported("s3://a/b", sha256="0" * 63), "sha256"),
    ("half of the tensors", imported("s3://a/b", inputs={"x": "x:0"}), "inputs and outputs go together"),
    ("no tensors", imported("s3://a/b", format="FrozenGraph"), "must be set for FrozenGraph and Checkpoint"),
    (
        "tensors of a layer",
        imported("s3://a/b", format="Keras", **TENSORS),
        "must be set for FrozenGraph and Checkpoint",
    ),
    ("tensor", imported("s3://a/b", inputs={"x": "x:a"}, outputs={"y": "y"}), "inputs"),
    ("tags of a file", imported("s3://a/b", format="HDF5", tags=["serve"]), "tags belong to a SavedModel"),
    ("dots", imported("pvc://a/../b"), "must not contain '..'"),
]
FINE: list[Json] = [
    GOOD,
    imported("pvc://claim"),
    imported("pvc://claim/a/b.keras"),
    imported("pvc://claim/a", **TENSORS),
    imported("s3://bucket", secretRef=KEYS, caBundleRef={"name": "ca", "key": "ca.crt"}),
    imported("gs://bucket.of.mine/a/b/"),
    imported("az://container/a.tgz", sha256="0" * 64, tags=["serve", "gpu"]),
    imported("https://host:8443/a/b.zip?signature=c%20d", format="Checkpoint", **TENSORS),
    imported("http://host/a.tgz", sha256="0" * 64),
    changed("spec.training", {"image": "mine:1", "command": ["train"], "args": ["--fast"]}),
    changed("spec.serving", {"replicas": 0, "pinnedVersion": 3, "resources": {"limits": {"cpu": 2, "memory": "1Gi"}}}),
    changed("spec.serving.versionPolicy", {"specific": {"versions": [1, 2]}}),
    changed("spec.serving", {"versionLabels": {"stable": 1}, "batching": {"allowedBatchSizes": [1, 32]}}),
    changed("spec.serving", {"warmup": {"enabled": False}, "drain": {"delay": "0s"}, "reload": {"pollInterval": "1s"}}),
    changed("spec.training.params", {"learningRate": "0.1", "l2": ""}),
    changed("spec.validation.thresholds", {"accuracy": ">=0.9", "loss": "< 1e-2"}),
    changed("spec.storage", {"persistentVolumeClaim": {"size": "1.5Gi"}, "onDelete": "Delete"}),
]


def applied(apiserver: ApiServer, manifest: Json, *flags: str) -> str:
    done = apiserver.kubectl("apply", *flags, "-f", "-", stdin=json.dumps(manifest), check=False)
    return "" if done.returncode == 0 else done.stderr


@pytest.fixture(scope="module")
def answers(apiserver: ApiServer) -> dict[str, str]:
    """What the API server says to each bad manifest."""
    return {name: applied(apiserver, manifest, "--dry-run=server") for name, manifest, _ in BAD}


@pytest.mark.parametrize(("name", "told"), [(one[0], one[2]) for one in BAD], ids=[one[0] for one in BAD])
def test_the_api_server_refuses_and_names_the_field(answers: dict[str, str], name: str, told: str) -> None:
    assert (told if name != "parameter" else "params: a name must start with a letter") in answers[name]


def messages(schema: Mapping[str, Any]) -> Iterator[str]:
    """The messages of all CEL rules."""
    yield from (rule["message"] for rule in schema.get("x-kubernetes-validations", ()))
    for field in schema.get("properties", {}).values():
        yield from messages(field.get("items", field))


def test_every_rule_has_a_case_in_which_it_speaks(answers: dict[str, str]) -> None:
    version = custom_resource_definition()["spec"]["versions"][0]
    said = " ".join([*answers.values(), *(told for _, told in CHANGES)])
    transitions = [told for _, told in CHANGES]
    silent = {
        message
        for message in messages(version["schema"]["openAPIV3Schema"])
        if message not in said and not message.startswith(tuple(transitions))
    }
    assert silent == set()


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
    assert header.split() == ["NAME", "READY", "PHASE", "VERSION", "REPLICAS", "PROGRESS", "REASON", "AGE"]
    assert row.split()[:3] == ["good", "Unknown", "Pending"]


def test_it_can_be_scaled_by_hand_and_by_an_autoscaler(apiserver: ApiServer) -> None:
    apiserver.kubectl("apply", "-f", "-", stdin=json.dumps(GOOD))
    apiserver.kubectl("scale", "tfm/good", "--replicas=3")
    status = json.dumps({"status": {"replicas": 2, "selector": "tfmodel.dev/model=good"}})
    apiserver.kubectl("patch", "tfm", "good", "--subresource=status", "--type=merge", "-p", status)
    path = "/apis/tfmodel.dev/v1alpha1/namespaces/default/tfmodels/good/scale"
    scale = json.loads(apiserver.kubectl("get", "--raw", path).stdout)
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 2, "selector": "tfmodel.dev/model=good"}


def test_a_change_of_the_status_does_not_reach_the_spec(apiserver: ApiServer) -> None:
    apiserver.kubectl("apply", "-f", "-", stdin=json.dumps(GOOD))
    change = json.dumps({"spec": {"paused": True}, "status": {"phase": "Training"}})
    apiserver.kubectl("patch", "tfm", "good", "--subresource=status", "--type=merge", "-p", change)
    found = apiserver.kubectl("get", "tfm", "good", "-o", "jsonpath={.spec.paused} {.status.phase}").stdout
    assert found == "false Training"


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


def undescribed(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        if not field.get("description"):
            yield f"{path}.{name}"
        yield from undescribed(field.get("items", field), f"{path}.{name}")


def test_every_field_that_the_api_server_publishes_is_described(apiserver: ApiServer) -> None:
    apiserver.kubectl("explain", "tfmodel.spec")
    published = json.loads(apiserver.kubectl("get", "--raw", "/openapi/v3/apis/tfmodel.dev/v1alpha1").stdout)
    fields = published["components"]["schemas"]["dev.tfmodel.v1alpha1.TFModel"]["properties"]
    assert fields["spec"]["properties"].keys() >= {"training", "source", "validation", "storage", "serving", "paused"}
    assert [*undescribed(fields["spec"], "spec"), *undescribed(fields["status"], "status")] == []


def test_explain_is_documentation(apiserver: ApiServer) -> None:
    text = apiserver.kubectl("explain", "tfmodel.spec", "--recursive").stdout
    assert "training" in text
    described = apiserver.kubectl("explain", "tfmodel.spec.storage.onDelete").stdout
    assert "What becomes of the operator-made PersistentVolumeClaim" in " ".join(described.split())
