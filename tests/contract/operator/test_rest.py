"""At rest nothing is sent: counted by the API server in its audit log, not by the operator."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.conftest import CRD
from testkit.apiserver import ApiServer
from testkit.audit import OPERATOR, Audit
from testkit.finishing import finish
from testkit.operating import job_of, operating, until
from testkit.tiny_models import tfmodel, training
from tfmodel_operator.watch import AFTER_LISTING_SECONDS

REST_SECONDS = 12


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path)


@pytest.fixture
def server(tmp_path: Path, audit: Audit) -> Iterator[ApiServer]:
    made = ApiServer(tmp_path / "apiserver", *audit.flags, users=(OPERATOR,))
    try:
        made.kubectl("apply", "--server-side", "-f", str(CRD))
        made.wait_established("tfmodels.tfmodel.dev")
        made.kubectl("create", "clusterrolebinding", OPERATOR, "--clusterrole=cluster-admin", f"--user={OPERATOR}")
        yield made
    finally:
        made.stop()


def phases(server: ApiServer) -> dict[str, str]:
    found = json.loads(server.kubectl("get", "tfm", "-o", "json").stdout)["items"]
    return {one["metadata"]["name"]: one.get("status", {}).get("phase", "") for one in found}


def test_tfmodels_that_rest_cost_no_call_but_the_lease(server: ApiServer, audit: Audit, tmp_path: Path) -> None:
    def apply(name: str, **spec: Any) -> None:
        server.kubectl("apply", "-f", "-", stdin=json.dumps(tfmodel(name, **spec)))

    with operating(server, tmp_path, "one", server.kubeconfig_of(OPERATOR)) as operator:
        until(operator.leads, "the operator leads", 90)
        apply("held", training=training(suspend=True))
        apply("stopped", serving={"replicas": 0})
        [job] = until(lambda: job_of(server, "stopped"), "the Job is made")
        finish(server, job)
        until(lambda: phases(server) == {"held": "Suspended", "stopped": "Stopped"}, "both rest")
        time.sleep(AFTER_LISTING_SECONDS + 3)
        made = audit.calls()
        time.sleep(REST_SECONDS)
        assert made.of("patch") > 0, "the operator is not who is counted"
        assert audit.calls().beyond_watches == 0
