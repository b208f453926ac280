"""Why a container ended, where what Kubernetes says of it leaves room."""

import pytest

from testkit.world import TRAINING, a_job_pod, a_tfmodel, ended
from tfmodel.api.status import LastFailure
from tfmodel_operator.plan.diagnosis import pod_failure
from tfmodel_operator.values import Manifest

DELETED = "2026-01-02T03:00:00Z"


def killed(limits: dict[str, str], **metadata: str) -> LastFailure:
    """The cause told of a training that SIGKILL ended, for which Kubernetes gives no reason."""
    model = a_tfmodel(training={**TRAINING, "resources": {"limits": limits}})
    pod: Manifest = a_job_pod(model, ended("train", 137, message="Killed"), phase="Failed")
    found = pod_failure({**pod, "metadata": {**pod["metadata"], **metadata}}, section="training")
    assert found is not None
    return found


def test_a_kill_that_nobody_asked_for_is_one_for_memory() -> None:
    found = killed({"memory": "100Mi"})
    assert found.reason == "OOMKilled"
    assert "most likely because it exceeded its memory limit of 100Mi" in found.message
    assert "training.resources.limits.memory" in (found.hint or "")
    assert found.exit_code == 137


@pytest.mark.parametrize(("limits", "metadata"), [({}, {}), ({"memory": "1Gi"}, {"deletionTimestamp": DELETED})])
def test_a_kill_without_a_limit_or_by_a_delete_is_not(limits: dict[str, str], metadata: dict[str, str]) -> None:
    found = killed(limits, **metadata)
    assert found.reason == "UserCodeError"
    assert found.log_tail == ["Killed"]
