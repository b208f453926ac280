"""A leader that is frozen past its lease: it has stopped by the time another writes, and stays stopped when it thaws."""

import json
import signal
from pathlib import Path

from testkit.apiserver import ApiServer
from testkit.operating import operating, until
from testkit.tiny_models import tfmodel


def test_a_leader_that_was_frozen_writes_nothing_when_it_thaws(apiserver: ApiServer, tmp_path: Path) -> None:
    flags = ("--lease-name=frozen", "--namespace=frozen")
    apiserver.kubectl("create", "namespace", "frozen")
    with operating(apiserver, tmp_path, "one", None, *flags) as first:
        until(first.leads, "the first leads")
        with operating(apiserver, tmp_path, "two", None, *flags) as second:
            until(lambda: second.get("/readyz") == "ok", "the second is ready")
            first.process.send_signal(signal.SIGSTOP)
            until(second.leads, "the second takes over", 30)
            apiserver.kubectl("apply", "-n", "frozen", "-f", "-", stdin=json.dumps(tfmodel("thaw")))
            until(lambda: "Pending" in _phase(apiserver), "the second works")
            first.process.send_signal(signal.SIGCONT)
            assert first.process.wait(25) == 1, "to start anew is surer than to go on"
            assert second.leads()
            assert "lost the lead" in first.log.read_text()
            holder = "jsonpath={.spec.holderIdentity}"
            assert apiserver.kubectl("get", "lease", "frozen", "-o", holder).stdout.startswith("two_")


def _phase(server: ApiServer) -> str:
    return server.kubectl("get", "tfm", "thaw", "-n", "frozen", "-o", "jsonpath={.status.phase}").stdout
