"""The operator as a process against a real API server: applies, takes over, and does not go blind.

There is no kubelet and no controller here, so a Job stays as it was made: what is shown is that it is made, once.
"""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit.apiserver import ApiServer
from testkit.operating import job_of, jobs, operating, until
from testkit.tiny_models import tfmodel

TAKEOVER_SECONDS = 20
MOST_RESIDENT_KIB = 100 * 1024
CRD = Path(__file__).resolve().parents[3] / "crds" / "tfmodels.yaml"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server whose TFModels stay: each test has names and a Lease of its own."""
    yield from _served(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    """An API server of the test's own, which it may kill."""
    yield from _served(tmp_path)


def _served(folder: Path) -> Iterator[ApiServer]:
    made = ApiServer(folder / "apiserver")
    try:
        made.kubectl("apply", "--server-side", "-f", str(CRD))
        made.wait_established("tfmodels.tfmodel.dev")
        yield made
    finally:
        made.stop()


def apply(server: ApiServer, name: str, **spec: Any) -> None:
    server.kubectl("apply", "-f", "-", stdin=json.dumps(tfmodel(name, **spec)))


def test_children_are_owned_and_the_users_object_is_left_alone(shared: ApiServer, tmp_path: Path) -> None:
    with operating(shared, tmp_path, "one", None, "--lease-name=owned"):
        apply(shared, "owned")
        [job] = until(lambda: job_of(shared, "owned"), "the Job is made")
        until(lambda: "RunPending" in shared.kubectl("get", "tfm", "owned").stdout, "the status is written")
    found = json.loads(shared.kubectl("get", "tfm", "owned", "-o", "json").stdout)
    assert "finalizers" not in found["metadata"]
    assert list(found["metadata"]["annotations"]) == ["kubectl.kubernetes.io/last-applied-configuration"]
    [owner] = job["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (found["metadata"]["uid"], True)
    claim = json.loads(shared.kubectl("get", "pvc", "owned-store", "-o", "json").stdout)
    assert "ownerReferences" not in claim["metadata"], "onDelete: Retain"


def test_nothing_is_called_at_rest(shared: ApiServer, tmp_path: Path) -> None:
    with operating(shared, tmp_path, "one", None, "--lease-name=still") as operator:
        apply(shared, "still", source={"uri": "pvc://a/b"})
        until(lambda: job_of(shared, "still"), "the Job is made")
        time.sleep(3)

        def writes() -> list[str]:
            lines = operator.get("/metrics").splitlines()
            kinds = ('verb="apply', 'verb="delete', 'verb="create')
            return [one for one in lines if "_requests_total" in one and any(kind in one for kind in kinds)]

        before = writes()
        time.sleep(12)
        assert writes() == before


def test_at_rest_it_holds_at_most_100_mib(shared: ApiServer, tmp_path: Path) -> None:
    with operating(shared, tmp_path, "one", None, "--lease-name=small") as operator:
        for number in range(10):
            apply(shared, f"m{number}")
        until(lambda: all(job_of(shared, f"m{number}") for number in range(10)), "the Jobs are made")
        status = Path(f"/proc/{operator.process.pid}/status").read_text()
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        assert resident <= MOST_RESIDENT_KIB


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


def test_a_leader_that_is_killed_is_replaced_and_nothing_is_done_twice(shared: ApiServer, tmp_path: Path) -> None:
    with operating(shared, tmp_path, "one", None, "--lease-name=led") as first:
        until(first.leads, "the first leads")
        with operating(shared, tmp_path, "two", None, "--lease-name=led") as second:
            until(lambda: second.get("/readyz") == "ok", "the second is ready")
            apply(shared, "led")
            until(lambda: job_of(shared, "led"), "the Job is made")
            assert not second.leads()
            first.process.send_signal(signal.SIGKILL)
            until(second.leads, "the second takes over", TAKEOVER_SECONDS)
            apply(shared, "other")
            until(lambda: job_of(shared, "other"), "the second works")
            assert [len(job_of(shared, name)) for name in ("led", "other")] == [1, 1]


def test_a_leader_that_is_asked_to_end_hands_over_at_once(shared: ApiServer, tmp_path: Path) -> None:
    with operating(shared, tmp_path, "one", None, "--lease-name=handed") as first:
        until(first.leads, "the first leads")
        with operating(shared, tmp_path, "two", None, "--lease-name=handed") as second:
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
