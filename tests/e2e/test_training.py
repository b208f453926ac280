"""Trainings that are interrupted, and trainings on several workers, on the real cluster."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from testkit.kubectl import Namespace, run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WORKERS = ("batch.kubernetes.io/job-completion-index=0", "batch.kubernetes.io/job-completion-index=1")


def model(example: str, **training: Any) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load((EXAMPLES / example / "tfmodel.yaml").read_text())
    manifest["spec"]["training"].update(training)
    return manifest


def training_of(namespace: Namespace, name: str) -> dict[str, Any]:
    found: dict[str, Any] = namespace.status(name).get("training") or {}
    return found


def trained(namespace: Namespace, name: str, percent: int) -> dict[str, Any]:
    """The status of the training once so much of it is done."""

    def look() -> dict[str, Any] | None:
        found = training_of(namespace, name)
        return found if (found.get("progressPercentage") or 0) >= percent else None

    found: dict[str, Any] = namespace.wait_until(look, f"{percent} % of {name}", 300)
    return found


def pods(namespace: Namespace, *labels: str) -> list[dict[str, Any]]:
    found = namespace.list("pods", ",".join(("app.kubernetes.io/component=training", *labels)))
    return sorted(found, key=lambda pod: pod["metadata"]["creationTimestamp"])


def others(namespace: Namespace, pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in pods(namespace) if one["metadata"]["uid"] != pod["metadata"]["uid"]]


def log(namespace: Namespace, pod: dict[str, Any]) -> str:
    return namespace.kubectl("logs", pod["metadata"]["name"], "-c", "train")


def begun_log(namespace: Namespace, pod: dict[str, Any]) -> str:
    """The log of a training once its first epoch has begun; nothing before that."""
    text = namespace.told("logs", pod["metadata"]["name"], "-c", "train")
    return text if "Epoch " in text else ""


def first_epoch(text: str) -> int:
    return int(text.split("Epoch ", 1)[1].split("/", 1)[0])


def evict(namespace: Namespace, pod: dict[str, Any]) -> None:
    name = pod["metadata"]["name"]
    metadata = {"name": name, "namespace": namespace.name}
    grace = {"gracePeriodSeconds": 1}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata, "deleteOptions": grace}
    path = f"/api/v1/namespaces/{namespace.name}/pods/{name}/eviction"
    namespace.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))


def history(namespace: Namespace, name: str) -> list[dict[str, Any]]:
    """The epochs that went with version 1, read in the runtime pod."""
    file = f"/models/{name}/1/assets.extra/history.json"
    found: list[dict[str, Any]] = json.loads(namespace.kubectl("exec", f"deployment/{name}", "--", "cat", file))
    return found


def plot(namespace: Namespace, name: str, *flags: str) -> str:
    return run(sys.executable, "-m", "tfmodel_cli.main", "plot", name, "--namespace", namespace.name, *flags)


@pytest.mark.timeout(900)  # three pods in turn, which take long where others compute
def test_an_evicted_and_a_suspended_training_go_on_where_they_stood(namespace: Namespace, tmp_path: Path) -> None:
    namespace.kubectl(
        "apply", "-f", str(EXAMPLES / "digits" / "configmap.yaml"), "-f", str(EXAMPLES / "digits" / "data.yaml")
    )
    long = {"params": {"epochs": "120"}, "backoffLimit": 0}
    namespace.apply(model("digits", **long))
    before = trained(namespace, "digits", 10)
    assert before["metrics"]["loss"]
    assert before["epochs"] == 120
    assert "loss" in plot(namespace, "digits")
    first = pods(namespace)[0]
    evict(namespace, first)
    second = namespace.wait_until(lambda: others(namespace, first), "a second pod")[0]
    begun = first_epoch(namespace.wait_until(lambda: begun_log(namespace, second), "the second pod's first epoch"))
    assert begun > before["epoch"]
    namespace.wait_until(
        lambda: training_of(namespace, "digits").get("epoch", 0) > begun + 2, "epochs of the second pod"
    )
    namespace.apply(model("digits", **long, suspend=True))
    namespace.wait_until(lambda: training_of(namespace, "digits")["state"] == "Suspended", "the suspension")
    namespace.apply(model("digits", **long))
    namespace.wait_ready("digits", 300)
    third = others(namespace, second)[-1]
    assert first_epoch(log(namespace, third)) > begun
    done = training_of(namespace, "digits")
    assert (done["state"], done["progressPercentage"], done["epoch"]) == ("Succeeded", 100, 120)
    assert [one["epoch"] for one in history(namespace, "digits")] == list(range(1, 121))
    assert "accuracy" in plot(namespace, "digits", "--output", str(tmp_path / "curves.png"))
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.timeout(900)  # two workers wait for each other at each step: it takes long where others compute
def test_two_workers_train_one_model_and_survive_a_killed_one(namespace: Namespace) -> None:
    namespace.kubectl("apply", "-f", str(EXAMPLES / "multi-worker" / "configmap.yaml"))
    namespace.apply(model("multi-worker", params={"epochs": "20"}))
    before = trained(namespace, "multi-worker", 20)
    assert [len(pods(namespace, label)) for label in WORKERS] == [1, 1]
    namespace.kubectl("delete", "pod", pods(namespace, WORKERS[1])[0]["metadata"]["name"], "--grace-period=1")
    namespace.wait_ready("multi-worker", 600)
    chief = log(namespace, pods(namespace, WORKERS[0])[-1])
    assert "2 workers" in chief
    assert int(chief.split("begins with epoch ", 1)[1].split()[0]) > before["epoch"] > 1
    done = training_of(namespace, "multi-worker")
    assert (done["state"], done["version"], done["epoch"]) == ("Succeeded", 1, 20)
    assert float(done["metrics"]["accuracy"]) >= 0.9
    assert [one["epoch"] for one in history(namespace, "multi-worker")] == list(range(1, 21))
    assert [one["version"] for one in namespace.status("multi-worker")["versions"]] == [1]
