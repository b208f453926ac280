"""Runs and rights against a real API server: a finished run is never run again, and the chart's rights are enough."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from testkit.apiserver import ApiServer
from testkit.chart import NAMESPACE, of_kind, rendered
from testkit.finishing import begin, finish
from testkit.operating import Operator, operating, until
from testkit.tiny_models import tfmodel, training

GROUPS = {
    "jobs": "/apis/batch/v1",
    "deployments": "/apis/apps/v1",
    "tfmodels": "/apis/tfmodel.dev/v1alpha1",
    "services": "/api/v1",
    "events": "/api/v1",
}
LEASE = f"--lease-namespace={NAMESPACE}"


def apply(server: ApiServer, namespace: str, name: str = "tiny", **spec: Any) -> None:
    server.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(tfmodel(name, **spec)))


def found(server: ApiServer, namespace: str, kind: str) -> list[dict[str, Any]]:
    return list(json.loads(server.get(f"{GROUPS[kind]}/namespaces/{namespace}/{kind}"))["items"])


def model(server: ApiServer, namespace: str, name: str = "tiny") -> dict[str, Any]:
    return dict(json.loads(server.get(f"{GROUPS['tfmodels']}/namespaces/{namespace}/tfmodels/{name}")))


def a_job(server: ApiServer, namespace: str, run_id: str) -> dict[str, Any]:
    def one() -> dict[str, Any] | None:
        return next((job for job in found(server, namespace, "jobs") if f"-{run_id}-" in job["metadata"]["name"]), None)

    return dict(until(one, f"the Job of run {run_id}"))


def knows_version(server: ApiServer, namespace: str, version: int) -> bool:
    versions = model(server, namespace).get("status", {}).get("versions") or []
    return version in [one["version"] for one in versions]


@pytest.fixture
def namespace(apiserver: ApiServer, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own."""
    name = f"t{abs(hash(request.node.name)) % 10**8}"
    apiserver.kubectl("create", "namespace", name)
    return name


def test_a_finished_run_is_not_run_again_without_its_job_whoever_leads(
    apiserver: ApiServer, namespace: str, tmp_path: Path
) -> None:
    flags = (f"--namespace={namespace}", f"--lease-name={namespace}")
    apply(apiserver, namespace)
    with operating(apiserver, tmp_path, "one", None, *flags) as first:
        job = a_job(apiserver, namespace, "1")
        finish(apiserver, job)
        until(lambda: knows_version(apiserver, namespace, 1), "version 1 is known")
        until(lambda: found(apiserver, namespace, "deployments"), "the Deployment is made")
        apiserver.kubectl("delete", "jobs,pods", "--all", "-n", namespace, "--force", "--grace-period=0")
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(25) == 0
    with operating(apiserver, tmp_path, "two", None, *flags) as second:
        until(second.leads, "the second leads")
        apiserver.kubectl("delete", "deployment", "tiny", "-n", namespace)
        until(lambda: found(apiserver, namespace, "deployments"), "the Deployment is made again")
        assert found(apiserver, namespace, "jobs") == []
        assert knows_version(apiserver, namespace, 1)
        apply(apiserver, namespace, training=training(run_id="2"))
        a_job(apiserver, namespace, "2")


@pytest.mark.parametrize("is_namespaced", [True, False])
def test_the_charts_rights_are_enough_and_in_one_namespace_only_that_is_touched(
    apiserver: ApiServer, namespace: str, tmp_path: Path, is_namespaced: bool
) -> None:
    outside = f"{namespace}-outside"
    apiserver.kubectl("create", "namespace", outside)
    kubeconfig = _account_of_the_chart(apiserver, [namespace] if is_namespaced else [], tmp_path)
    for place in (namespace, outside):
        apply(apiserver, place)
    flags = [f"--namespace={namespace}"] if is_namespaced else []
    lease = ("--lease-name=tfmodel-operator", LEASE)
    with operating(apiserver, tmp_path, "one", kubeconfig, *flags, *lease) as operator:
        finish(apiserver, a_job(apiserver, namespace, "1"))
        until(lambda: found(apiserver, namespace, "services"), "Deployment and Service are made")
        apply(apiserver, namespace, training=training(run_id="2"))
        unfinished = a_job(apiserver, namespace, "2")
        apply(apiserver, namespace, training=training(run_id="3"))
        a_job(apiserver, namespace, "3")
        until(lambda: unfinished["metadata"]["name"] not in _names(apiserver, namespace), "run 2 is given up")
        told = {event["reason"] for event in found(apiserver, namespace, "events")}
        assert "RunSucceeded" in told
        assert bool(found(apiserver, outside, "jobs")) is not is_namespaced
        assert _forbidden(operator) == []
        operator.process.send_signal(signal.SIGTERM)
        assert operator.process.wait(25) == 0
    assert "forbidden" not in operator.log.read_text().lower()


def test_a_change_of_params_during_a_run_is_handled_once_and_one_run_runs_at_a_time(
    apiserver: ApiServer, namespace: str, tmp_path: Path
) -> None:
    flags = (f"--namespace={namespace}", f"--lease-name={namespace}")
    apply(apiserver, namespace)
    version = model(apiserver, namespace)["metadata"]["resourceVersion"]
    with operating(apiserver, tmp_path, "one", None, *flags):
        first = a_job(apiserver, namespace, "1")
        begin(apiserver, first)
        for factor in (3, 4):
            apply(apiserver, namespace, training=training(factor=factor))
        until(lambda: _names(apiserver, namespace) == [], "the run that nobody waits for is given up")
        waits = f"run 1: begins when Job {first['metadata']['name']} has ended"
        until(lambda: told_of_training(apiserver, namespace) == waits, "it is told what the next run waits for")
        assert _names(apiserver, namespace) == []
        apiserver.kubectl("delete", "pods", "--all", "-n", namespace, "--force", "--grace-period=0")
        second = a_job(apiserver, namespace, "1")
        assert {"name": "TFMODEL_PARAM_FACTOR", "value": "4"} in env_of(second, "train")
        finish(apiserver, second)
        until(lambda: knows_version(apiserver, namespace, 1), "version 1 is known")
        apiserver.kubectl("annotate", "tfm", "tiny", "look=again", "-n", namespace)
        until(lambda: found(apiserver, namespace, "deployments"), "the Deployment is made")
        assert _names(apiserver, namespace) == [second["metadata"]["name"]]
    made = jobs_made_since(apiserver, namespace, version)
    assert made == [first["metadata"]["name"], second["metadata"]["name"]]


def told_of_training(server: ApiServer, namespace: str) -> str:
    conditions = model(server, namespace)["status"]["conditions"]
    return next(str(one["message"]) for one in conditions if one["type"] == "Trained")


def env_of(job: dict[str, Any], container: str) -> list[dict[str, Any]]:
    spec = job["spec"]["template"]["spec"]
    return next(one["env"] for one in (*spec["initContainers"], *spec["containers"]) if one["name"] == container)


def jobs_made_since(server: ApiServer, namespace: str, version: str) -> list[str]:
    """The names of all Jobs that were made since a resource version, be they there or not, in order."""
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs?watch=true&timeoutSeconds=1&resourceVersion={version}"
    events = [json.loads(line) for line in server.kubectl("get", "--raw", path).stdout.splitlines()]
    return [event["object"]["metadata"]["name"] for event in events if event["type"] == "ADDED"]


def _names(server: ApiServer, namespace: str) -> list[str]:
    return [job["metadata"]["name"] for job in found(server, namespace, "jobs")]


def _forbidden(operator: Operator) -> list[str]:
    return [line for line in operator.get("/metrics").splitlines() if 'code="403"' in line]


def _account_of_the_chart(server: ApiServer, namespaces: list[str], folder: Path) -> Path:
    """A kubeconfig with the rights, and no others, that the chart gives to the operator."""
    server.kubectl("create", "namespace", NAMESPACE, check=False)
    objects = rendered({"watchNamespaces": namespaces})
    rights = of_kind(objects, "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
    for one in rights:
        one["metadata"].get("annotations", {}).clear()
    server.kubectl("delete", "clusterrolebindings", "tfmodel-operator", "--ignore-not-found")
    for one in rights:
        place = one["metadata"].get("namespace", NAMESPACE)
        server.kubectl("apply", "-n", place, "-f", "-", stdin=json.dumps(one))
    token = server.kubectl("create", "token", "tfmodel-operator", "-n", NAMESPACE).stdout.strip()
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"] = [{"name": "u", "user": {"token": token}}]
    made = folder / "account-kubeconfig"
    made.write_text(yaml.safe_dump(config))
    return made
