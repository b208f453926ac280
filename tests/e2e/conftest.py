"""The cluster that KUBECONFIG names, with the operator installed by helm, and a namespace for each test.

Modules run beside each other, in several processes; test_operator.py stops the operator and is for a run of its own.
Every namespace enforces the restricted Pod Security Standard, so that no pod of ours can need more.
"""

import fcntl
import hashlib
import json
import os
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testkit.kubectl import KubectlError, Namespace, run

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "charts" / "tfmodel-operator"
SYSTEM = "tfmodel-system"
RELEASE = "tfmodel"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def version() -> str:
    found: str = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    return found


@pytest.fixture(scope="session")
def cluster() -> str:
    """The cluster answers; its server's version."""
    assert os.environ.get("KUBECONFIG"), "KUBECONFIG must name a cluster: `make cluster-up` makes one"
    found: str = json.loads(run("kubectl", "version", "-o", "json"))["serverVersion"]["gitVersion"]
    return found


@contextmanager
def alone() -> Iterator[None]:
    """What only one process of a test run does at a time."""
    with Path(tempfile.gettempdir(), "tfmodel-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def helm_install(*settings: str) -> str:
    """helm upgrade --install of the chart, as the README says it; returns what helm printed."""
    arguments = [part for setting in settings for part in ("--set", setting)]
    return run(
        "helm",
        *("upgrade", "--install", RELEASE, str(CHART), "--namespace", SYSTEM, "--create-namespace"),
        *("--wait", "--timeout=120s", *arguments),
        timeout=180,
    )


@pytest.fixture(scope="session")
def operator(cluster: str) -> Namespace:
    """The operator's namespace, with one replica of it running."""
    assert cluster
    with alone():
        helm_install("replicas=1")
    return Namespace(SYSTEM)


@pytest.fixture
def namespace(operator: Namespace, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace of the test's own."""
    assert operator
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_")).strip("-")[:40].strip("-")
    name = f"t-{words}-{hashlib.sha256(request.node.name.encode()).hexdigest()[:6]}"
    subprocess.run(["kubectl", "delete", "namespace", name, "--ignore-not-found"], check=True, capture_output=True)
    run("kubectl", "create", "namespace", name)
    run("kubectl", "label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield Namespace(name)
    try:
        run("kubectl", "delete", "namespace", name, "--wait=false", "--ignore-not-found")
    except KubectlError as error:
        pytest.fail(str(error))


@pytest.fixture
def helm_again(operator: Namespace) -> Iterator[Callable[..., str]]:
    """Installs the chart with other settings for one test."""
    assert operator
    yield helm_install
    helm_install("replicas=1")
