"""Each failure shows its own reason and hint in status, and the version that served before answers on."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from testkit.kubectl import Namespace
from testkit.prober import Prober
from testkit.tiny_models import QUICK, SCRIPTS, tfmodel, training

SMALL = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "100Mi"}}
TOLD_WITHIN_SECONDS = 30
THRESHOLD = {"thresholds": {"accuracy": ">=0.9"}}
ROWS = (1.0,)

FAILURES: dict[str, tuple[dict[str, Any], str]] = {
    "UserCodeError": ({"training": training("raises.py")}, "the labels are missing"),
    "OOMKilled": ({"training": training("eats-memory.py", resources=SMALL)}, "resources.limits.memory"),
    "ImagePullFailed": ({"training": training(image="registry.invalid/none:1")}, "imagePullSecrets"),
    "ThresholdNotMet": ({"training": training(params={"accuracy": "0.5"}), "validation": THRESHOLD}, "0.5"),
    "SignatureMissing": ({"training": training(params={"signature": "other"})}, "other"),
    "BadSavedModel": ({"training": training(params={"truncate": "1"})}, "export the model again"),
}


def failure_of(namespace: Namespace, name: str) -> dict[str, Any]:
    found: dict[str, Any] = namespace.status(name).get("training", {}).get("lastFailure", {})
    return found


@pytest.fixture(scope="module")
def serving(operator: Namespace, version: str) -> Any:
    """A namespace in which a model serves and is asked all the time, while other runs of it fail."""
    from testkit.kubectl import run

    assert operator
    run("kubectl", "delete", "namespace", "t-failures", "--ignore-not-found")
    run("kubectl", "create", "namespace", "t-failures")
    run("kubectl", "label", "namespace", "t-failures", "pod-security.kubernetes.io/enforce=restricted")
    found = Namespace("t-failures")
    found.apply(SCRIPTS, tfmodel())
    found.wait_ready("tiny")
    prober = Prober(found, "tiny", ROWS, f"tfmodel-runtime:{version}")
    yield found
    told = prober.stop()
    run("kubectl", "delete", "namespace", "t-failures", "--wait=false")
    assert told["failed"] == 0, told
    assert told["answers"] == [[2.0]]


@pytest.mark.parametrize("reason", FAILURES)
def test_a_failure_tells_its_reason_and_the_old_version_answers_on(serving: Namespace, reason: str) -> None:
    spec, told = FAILURES[reason]
    run_id = str(10 + list(FAILURES).index(reason))
    applied = datetime.now(UTC).isoformat()
    serving.apply(tfmodel(**{**spec, "training": {**spec["training"], "runId": run_id}}))
    found = serving.wait_until(
        lambda: failure_of(serving, "tiny") if failure_of(serving, "tiny").get("reason") == reason else None,
        f"lastFailure.reason is {reason}",
    )
    seen = datetime.now(UTC)
    assert told in json.dumps(found)
    assert found["hint"]
    happened = datetime.fromisoformat(found.get("time") or applied)
    assert (seen - happened).total_seconds() <= TOLD_WITHIN_SECONDS
    conditions = serving.conditions("tiny")
    assert (conditions["Ready"]["status"], conditions["Ready"]["reason"]) == ("True", "ServingPreviousVersion")
    assert conditions["Degraded"]["reason"] == reason
    assert serving.status("tiny")["activeVersion"] == 1


def test_a_second_attempt_is_told_of_while_it_trains(namespace: Namespace) -> None:
    namespace.apply(SCRIPTS, tfmodel(training=training("fails-once.py", backoffLimit=1)))
    told = (
        "run 1: attempt 2 trains; attempt 1 failed: UserCodeError: container train ended with exit code 1: ValueError: "
    )
    ready = namespace.wait_until(lambda: ready_that_tells(namespace, told), "Ready tells of both attempts")
    assert (ready["status"], ready["reason"]) == ("False", "Retrying")
    assert "Stalled" not in namespace.conditions("tiny")
    (pod,) = namespace.list("pods", "app.kubernetes.io/component=training", "status.phase!=Failed")
    namespace.kubectl("exec", pod["metadata"]["name"], "-c", "train", "--", "touch", "/tmp/go")
    namespace.wait_ready("tiny")
    run = namespace.status("tiny")["training"]
    assert (run["state"], run["attempts"], run.get("lastFailure")) == ("Succeeded", 2, None)


def ready_that_tells(namespace: Namespace, text: str) -> dict[str, Any] | None:
    ready = namespace.conditions("tiny").get("Ready", {"message": ""})
    return dict(ready) if ready["message"].startswith(text) else None


def test_the_cause_outlives_the_pod(namespace: Namespace) -> None:
    namespace.apply(SCRIPTS, tfmodel(training=training("raises.py")))
    namespace.wait_until(
        lambda: namespace.status("tiny").get("training", {}).get("state") == "Failed", "the run failed"
    )
    before = failure_of(namespace, "tiny")
    namespace.kubectl("delete", "jobs", "--all")
    namespace.wait_until(lambda: not namespace.list("pods"), "the pods are gone")
    namespace.kubectl("annotate", "tfmodel", "tiny", "look=again")
    assert failure_of(namespace, "tiny") == before
    assert "ValueError: the labels are missing" in before["logTail"]
    assert before["message"] == "container train ended with exit code 1: ValueError: the labels are missing"
    assert before["exitCode"] == 1
    assert namespace.list("jobs") == []


def test_a_quota_that_forbids_the_pod_is_named_and_lifting_it_helps(namespace: Namespace) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"requests.cpu": "10m"}},
    }
    namespace.apply(quota, SCRIPTS, tfmodel(serving={"resources": QUICK}))
    told = namespace.wait_until(
        lambda: namespace.conditions("tiny").get("Trained", {}).get("reason") == "QuotaExceeded",
        "QuotaExceeded",
        TOLD_WITHIN_SECONDS,
    )
    assert told
    assert "exceeded quota" in namespace.conditions("tiny")["Stalled"]["message"]
    namespace.kubectl("delete", "resourcequota", "small")
    namespace.wait_ready("tiny")
