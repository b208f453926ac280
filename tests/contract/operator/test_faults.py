"""The operator behind an API server that answers oddly: it is never blind afterwards."""

import functools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.apiserver import ApiServer
from testkit.fault_proxy import FaultProxy
from testkit.operating import job_of, operating, until
from testkit.tiny_models import tfmodel


@pytest.fixture
def proxy(apiserver: ApiServer, tmp_path: Path) -> Iterator[FaultProxy]:
    made = FaultProxy(apiserver.url, apiserver.kubeconfig, tmp_path)
    yield made
    made.stop()


FAULTS: list[int | str] = [400, 401, 403, 410, 429, 500, 503, "gone", "close"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_tfmodel_that_is_made_after_the_fault_is_reconciled(
    apiserver: ApiServer, proxy: FaultProxy, tmp_path: Path, fault: int | str
) -> None:
    def apply(name: str) -> None:
        apiserver.kubectl("apply", "-f", "-", stdin=json.dumps(tfmodel(name)))

    before, during, after = (f"{moment}-{str(fault).lower()}" for moment in ("before", "during", "after"))
    lease = ["--no-leader-elect"]
    with operating(apiserver, tmp_path, "one", proxy.kubeconfig, *lease) as operator:
        apply(before)
        until(lambda: job_of(apiserver, before), "the Job before the fault")
        proxy.fault = fault
        apply(during)
        end = time.monotonic() + 30
        while proxy.faults < 3 and time.monotonic() < end:
            apiserver.kubectl("label", "tfmodel", during, f"poke=t{proxy.faults}", "--overwrite")
            time.sleep(0.3)
        assert proxy.faults > 0, "the fault was never met"
        proxy.fault = None
        apply(after)
        for name in (during, after):
            until(functools.partial(job_of, apiserver, name), f"the Job {name}", 75)
        assert operator.process.poll() is None
        assert [len(job_of(apiserver, name)) for name in (before, during, after)] == [1, 1, 1]
