"""How the Deployment stands, and why it does not stand better."""

from dataclasses import dataclass

from tfmodel.api.reasons import FailureReason
from tfmodel.api.status import LastFailure
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.metadata import SERVING
from tfmodel_operator.plan.diagnosis import event_failure, failure, pod_failure
from tfmodel_operator.read import at, container_states, is_ready, label_of
from tfmodel_operator.values import LABEL_COMPONENT, Manifest, Observation


@dataclass(frozen=True, slots=True)
class Serving:
    """The runtime pods."""

    wanted: int
    replicas: int
    ready_pods: tuple[Manifest, ...]
    is_rolled_out: bool
    """Whether every pod is of the newest template, and as many as wanted are ready."""
    failure: LastFailure | None
    """Why a pod does not become ready, or is not even made."""

    @property
    def ready(self) -> int:
        """How many pods answer."""
        return len(self.ready_pods)


def ready_pods(seen: Observation) -> tuple[Manifest, ...]:
    """Runtime pods that are ready."""
    return tuple(pod for pod in seen.pods if label_of(pod, LABEL_COMPONENT) == SERVING and is_ready(pod))


def telling_pods(seen: Observation) -> tuple[Manifest, ...]:
    """Runtime pods that can be asked: those that are ready, and those that their kubelet knows to run without being ready.

    One that is not ready may know why: a version that it cannot load. Pods of a lost node, whom the kubelet says nothing of any more,
    would keep whoever asks them waiting.
    """
    return tuple(pod for pod in seen.pods if label_of(pod, LABEL_COMPONENT) == SERVING and _can_tell(pod))


def _can_tell(pod: Manifest) -> bool:
    if is_ready(pod):
        return True
    conditions: list[Manifest] = at(pod, "status", "conditions") or []
    says_kubelet = any(one.get("type") == "Ready" and one.get("reason") == "ContainersNotReady" for one in conditions)
    runs = any(at(state, "state", "running") for state in container_states(pod))
    return says_kubelet and runs and at(pod, "metadata", "deletionTimestamp") is None


def assess(model: TFModel, seen: Observation) -> Serving:
    """The runtime pods, as Kubernetes tells of them."""
    pods = [pod for pod in seen.pods if label_of(pod, LABEL_COMPONENT) == SERVING]
    status = at(seen.deployment, "status") or {}
    replicas = int(status.get("replicas") or 0)
    wanted = model.spec.serving.replicas
    ready = ready_pods(seen)
    is_rolled_out = (
        seen.deployment is not None
        and status.get("observedGeneration") == at(seen.deployment, "metadata", "generation")
        and int(status.get("updatedReplicas") or 0) == wanted == replicas
        and len(ready) >= wanted
    )
    found = None if is_rolled_out else _failure(seen, pods)
    return Serving(wanted=wanted, replicas=replicas, ready_pods=ready, is_rolled_out=is_rolled_out, failure=found)


def _failure(seen: Observation, pods: list[Manifest]) -> LastFailure | None:
    unready = [pod for pod in pods if not is_ready(pod) and at(pod, "metadata", "deletionTimestamp") is None]
    causes = [pod_failure(pod, section="serving") or event_failure(pod, seen, section="serving") for pod in unready]
    return next((cause for cause in causes if cause is not None), None) or _not_created(seen.deployment)


def _not_created(deployment: Manifest | None) -> LastFailure | None:
    for condition in at(deployment, "status", "conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            message = str(condition.get("message", ""))
            exceeded = "exceeded quota" in message
            reason = FailureReason.QUOTA_EXCEEDED if exceeded else FailureReason.ADMISSION_REJECTED
            return failure(reason, message, section="serving", retriable=True)
    return None
