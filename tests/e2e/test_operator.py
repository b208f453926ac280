"""What the operator survives: its own death in every phase, a second replica, not being there at all."""

from pathlib import Path
from typing import Any

import pytest

from testkit.kubectl import Namespace, run
from testkit.tiny_models import SCRIPTS, tfmodel, training

CHART = Path(__file__).resolve().parents[2] / "charts" / "tfmodel-operator"
OPERATOR = "app.kubernetes.io/name=tfmodel-operator"
TAKEOVER_SECONDS = 20
MOST_RESIDENT_KIB = 100 * 1024
PHASES = ("before-the-job", "Training", "Exporting", "Deploying")


def kill_operator(operator: Namespace) -> None:
    operator.kubectl("delete", "pod", "-l", OPERATOR, "--grace-period=0", "--force")


@pytest.mark.parametrize("phase", PHASES)
def test_an_operator_that_dies_in_a_phase_ends_in_the_same_state(
    operator: Namespace, namespace: Namespace, phase: str
) -> None:
    if phase == "before-the-job":
        operator.kubectl("scale", "deployment", "-l", OPERATOR, "--replicas=0")
        operator.wait_until(lambda: not operator.list("pods", OPERATOR), "the operator is gone")
    namespace.apply(SCRIPTS, tfmodel(training=training(params={"sleep": "4", "padding": "400"})))
    if phase == "before-the-job":
        assert namespace.conditions("tiny")["Ready"]["status"] == "Unknown"
        operator.kubectl("scale", "deployment", "-l", OPERATOR, "--replicas=1")
    else:
        namespace.wait_until(lambda: namespace.status("tiny").get("phase") == phase, f"phase {phase}")
        kill_operator(operator)
    namespace.wait_ready("tiny")
    status = namespace.status("tiny")
    assert (status["activeVersion"], status["training"]["state"], status["training"]["version"]) == (1, "Succeeded", 1)
    assert len(namespace.list("jobs")) == 1
    assert [one["version"] for one in status["versions"]] == [1]


def lease_holder(operator: Namespace) -> str:
    leases = operator.list("leases")
    return str(leases[0]["spec"].get("holderIdentity", "")) if leases else ""


def test_a_standby_takes_over_from_a_leader_that_is_killed(operator: Namespace, namespace: Namespace) -> None:
    operator.kubectl("scale", "deployment", "-l", OPERATOR, "--replicas=2")
    try:
        operator.wait_until(lambda: len(ready_pods(operator)) == 2, "two operators are ready")
        leader = operator.wait_until(lambda: leader_pod(operator), "someone leads")
        namespace.apply(SCRIPTS, tfmodel())
        namespace.wait_until(lambda: namespace.list("jobs"), "the Job is there")
        operator.kubectl("delete", "pod", leader, "--grace-period=0", "--force")
        standby = operator.wait_until(lambda: other_leader(operator, leader), "the standby leads", TAKEOVER_SECONDS)
        assert standby != leader
        namespace.wait_ready("tiny")
        assert len(namespace.list("jobs")) == 1
    finally:
        operator.kubectl("scale", "deployment", "-l", OPERATOR, "--replicas=1")


def test_an_operator_at_rest_holds_at_most_100_mib(operator: Namespace) -> None:
    pod = operator.wait_until(lambda: ready_pods(operator), "an operator is ready")[0]
    status = operator.kubectl("exec", pod, "--", "python3", "-c", "print(open('/proc/1/status').read())")
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident <= MOST_RESIDENT_KIB


def ready_pods(operator: Namespace) -> list[str]:
    """Pods that are ready and not on their way out."""
    pods = [pod for pod in operator.list("pods", OPERATOR) if "deletionTimestamp" not in pod["metadata"]]
    return [
        pod["metadata"]["name"]
        for pod in pods
        if any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
    ]


def leader_pod(operator: Namespace) -> str:
    holder = lease_holder(operator)
    return next((name for name in ready_pods(operator) if holder.startswith(name)), "")


def other_leader(operator: Namespace, leader: str) -> str:
    holder = lease_holder(operator)
    return holder if holder and not holder.startswith(leader) else ""


def test_deleting_works_without_an_operator_and_the_claim_obeys_on_delete(
    operator: Namespace, namespace: Namespace
) -> None:
    namespace.apply(
        SCRIPTS,
        tfmodel("kept", training=training()),
        tfmodel("gone", training=training(), storage={"onDelete": "Delete"}),
    )
    namespace.wait_until(lambda: len(namespace.list("pvc")) == 2, "both volumes are there")
    operator.kubectl("scale", "deployment", "-l", OPERATOR, "--replicas=0")
    try:
        operator.wait_until(lambda: not operator.list("pods", OPERATOR), "the operator is gone")
        namespace.kubectl("delete", "tfmodel", "kept", "gone", "--timeout=30s")
        namespace.wait_until(lambda: not namespace.list("jobs"), "the Jobs are gone")
        claims = namespace.wait_until(lambda: _one_claim(namespace), "one volume is gone")
        assert claims == "kept-store"
        run("kubectl", "delete", "namespace", namespace.name, "--timeout=90s")
    finally:
        operator.kubectl("scale", "deployment", "-l", OPERATOR, "--replicas=1")
        operator.wait_until(lambda: ready_pods(operator), "the operator is back")


def _one_claim(namespace: Namespace) -> str:
    names = [one["metadata"]["name"] for one in namespace.list("pvc") if "deletionTimestamp" not in one["metadata"]]
    return names[0] if len(names) == 1 else ""


def test_namespaced_mode_needs_no_cluster_role(operator: Namespace, namespace: Namespace, helm_again: Any) -> None:
    helm_again(f"watchNamespaces={{{namespace.name}}}")
    roles = run("kubectl", "get", "clusterrolebindings", "-o", "name")
    assert "tfmodel-operator" not in roles
    namespace.apply(SCRIPTS, tfmodel())
    namespace.wait_ready("tiny")
    assert operator


def test_helm_3_installs_it_too(operator: Namespace, namespace: Namespace) -> None:
    chart = str(CHART)
    settings = ("--set", "crds.enabled=false", "--set", f"watchNamespaces={{{namespace.name}}}")
    where = ("--namespace", namespace.name)
    run("helm3", "install", "third", chart, *where, *settings, "--wait", "--timeout=90s", timeout=120)
    assert "deployed" in run("helm3", "list", *where)
    run("helm3", "uninstall", "third", *where, "--wait", timeout=120)
    assert operator
