"""Training again, rolling back, pruning: with a prober that counts every failed request."""

import pytest

from testkit.kubectl import Namespace
from testkit.prober import Prober
from testkit.tiny_models import SCRIPTS, tfmodel, training

ROWS = (1.0, 2.0)


def answer(factor: int) -> list[float]:
    return [1.0 * factor, 2.0 * factor]


@pytest.fixture
def prober_image(version: str) -> str:
    return f"tfmodel-runtime:{version}"


def test_a_second_run_a_rollback_and_pruning_without_a_failed_request(namespace: Namespace, prober_image: str) -> None:
    namespace.apply(SCRIPTS, tfmodel(training=training(factor=2), storage={"keepVersions": 2}))
    namespace.wait_ready("tiny")
    prober = Prober(namespace, "tiny", ROWS, prober_image)
    namespace.patch_spec("tiny", {"training": {"runId": "2", "params": {"factor": "3"}}})
    namespace.wait_until(lambda: namespace.status("tiny").get("activeVersion") == 2, "version 2 is active", 180)
    namespace.patch_spec("tiny", {"serving": {"pinnedVersion": 1}})
    namespace.wait_until(lambda: namespace.status("tiny").get("activeVersion") == 1, "version 1 is back")
    namespace.wait_until(lambda: namespace.status("tiny").get("phase") == "Ready", "the rollback is done")
    told = prober.stop()
    assert told["failed"] == 0, told
    assert min(told["ok"].values()) > 25, told
    assert told["answers"] == [answer(2), answer(3)]

    namespace.patch_spec("tiny", {"serving": {"pinnedVersion": None}})
    namespace.patch_spec("tiny", {"training": {"runId": "3", "params": {"factor": "5"}}})
    namespace.wait_until(lambda: namespace.status("tiny").get("activeVersion") == 3, "version 3 is active", 180)
    wanted = {3: "Available", 2: "Published", 1: "Retired"}
    namespace.wait_until(
        lambda: {one["version"]: one["state"] for one in namespace.status("tiny")["versions"]} == wanted, str(wanted)
    )
    assert len(namespace.list("jobs")) == 3
