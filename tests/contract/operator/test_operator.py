"""The operator as a process against a real API server: applies, takes over, and does not go blind.

There is no kubelet and no controller here, so a Job stays as it was made: what is shown is that it is made, once.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from testkit.apiserver import ApiServer, free_port
from testkit.tiny_models import tfmodel

CRD = Path(__file__).resolve().parents[3] / "crds" / "tfmodels.yaml"


class Operator:
    """An operator that runs."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    def get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError as error:
            return f"no answer: {error}"

    def leads(self) -> bool:
        return "tfmodel_operator_leader 1.0" in self.get("/metrics")


@contextmanager
def operating(server: ApiServer, folder: Path, name: str, kubeconfig: Path | None = None) -> Iterator[Operator]:
    port, log = free_port(), folder / f"{name}.log"
    command = [sys.executable, "-m", "tfmodel_operator.main", f"--identity={name}", f"--metrics-port={port}"]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig or server.kubeconfig)}
    with log.open("wb") as file:
        process = subprocess.Popen([*command, "--resync-seconds=3600"], env=environment, stderr=file)
    operator = Operator(process, port, log)
    try:
        yield operator
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def until(told: Callable[[], Any], what: str, seconds: float = 45) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = told()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    """An API server of the test's own, which it may kill."""
    made = ApiServer(tmp_path / "apiserver")
    try:
        made.kubectl("apply", "--server-side", "-f", str(CRD))
        made.kubectl("wait", "--for=condition=Established", "crd/tfmodels.tfmodel.dev", "--timeout=30s")
        yield made
    finally:
        made.stop()


def apply(server: ApiServer, name: str, **spec: Any) -> None:
    server.kubectl("apply", "-f", "-", stdin=json.dumps(tfmodel(name, **spec)))


def jobs(server: ApiServer) -> list[dict[str, Any]]:
    done = server.kubectl("get", "jobs", "-o", "json", check=False)
    return list(json.loads(done.stdout)["items"]) if done.returncode == 0 else []


def job_of(server: ApiServer, name: str) -> list[dict[str, Any]]:
    return [job for job in jobs(server) if job["metadata"]["labels"]["tfmodel.dev/model"] == name]


def test_children_are_owned_and_the_users_object_is_left_alone(server: ApiServer, tmp_path: Path) -> None:
    with operating(server, tmp_path, "one"):
        apply(server, "tiny")
        [job] = until(lambda: job_of(server, "tiny"), "the Job is made")
        until(lambda: "RunPending" in server.kubectl("get", "tfm", "tiny").stdout, "the status is written")
    found = json.loads(server.kubectl("get", "tfm", "tiny", "-o", "json").stdout)
    assert "finalizers" not in found["metadata"]
    assert list(found["metadata"]["annotations"]) == ["kubectl.kubernetes.io/last-applied-configuration"]
    [owner] = job["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (found["metadata"]["uid"], True)
    claim = json.loads(server.kubectl("get", "pvc", "tiny-store", "-o", "json").stdout)
    assert "ownerReferences" not in claim["metadata"], "onDelete: Retain"


def test_nothing_is_called_at_rest(server: ApiServer, tmp_path: Path) -> None:
    with operating(server, tmp_path, "one") as operator:
        apply(server, "tiny", source={"uri": "pvc://a/b"})
        until(lambda: job_of(server, "tiny"), "the Job is made")
        time.sleep(3)

        def writes() -> list[str]:
            lines = operator.get("/metrics").splitlines()
            kinds = ('verb="apply', 'verb="delete', 'verb="create')
            return [one for one in lines if "_requests_total" in one and any(kind in one for kind in kinds)]

        before = writes()
        time.sleep(12)
        assert writes() == before


def test_an_api_server_that_was_killed_and_came_back_is_followed(server: ApiServer, tmp_path: Path) -> None:
    with operating(server, tmp_path, "one") as operator:
        apply(server, "before")
        until(lambda: job_of(server, "before"), "the Job is made")
        server.kill()
        time.sleep(4)
        server.start()
        apply(server, "after")
        until(lambda: job_of(server, "after"), "the Job of a TFModel made after the restart", 90)
        assert operator.process.poll() is None or "lost the lead" in operator.log.read_text()
        assert len(jobs(server)) == 2


def test_a_leader_that_is_killed_is_replaced_and_nothing_is_done_twice(server: ApiServer, tmp_path: Path) -> None:
    with operating(server, tmp_path, "one") as first:
        until(first.leads, "the first leads")
        with operating(server, tmp_path, "two") as second:
            until(lambda: second.get("/readyz") == "ok", "the second is ready")
            apply(server, "tiny")
            until(lambda: job_of(server, "tiny"), "the Job is made")
            assert not second.leads()
            first.process.send_signal(signal.SIGKILL)
            until(second.leads, "the second takes over", 30)
            apply(server, "other")
            until(lambda: job_of(server, "other"), "the second works")
            assert len(jobs(server)) == 2


def test_a_leader_that_is_asked_to_end_hands_over_at_once(server: ApiServer, tmp_path: Path) -> None:
    with operating(server, tmp_path, "one") as first:
        until(first.leads, "the first leads")
        with operating(server, tmp_path, "two") as second:
            until(lambda: second.get("/readyz") == "ok", "the second is ready")
            first.process.send_signal(signal.SIGTERM)
            assert first.process.wait(25) == 0
            until(second.leads, "the second leads", 30)


def test_a_spec_that_this_release_cannot_read_is_named(server: ApiServer, tmp_path: Path) -> None:
    crd = json.loads(server.kubectl("get", "crd", "tfmodels.tfmodel.dev", "-o", "json").stdout)
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["novelty"] = {"type": "string", "description": "A field of a newer release."}
    server.kubectl("replace", "-f", "-", stdin=json.dumps(crd))
    with operating(server, tmp_path, "one"):
        until(lambda: _takes_novelty(server), "the API server takes the new field")
        told = "jsonpath={.status.conditions[?(@.type=='Accepted')].message}"
        until(lambda: "novelty" in server.kubectl("get", "tfm", "new", "-o", told).stdout, "the field is named")
        assert jobs(server) == []


def _takes_novelty(server: ApiServer) -> bool:
    manifest = json.dumps(tfmodel("new", novelty="yes"))
    return server.kubectl("apply", "-f", "-", stdin=manifest, check=False).returncode == 0
