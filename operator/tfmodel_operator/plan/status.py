"""The status: everything that was found out, as the TFModel's readers see it."""

from tfmodel.api.reasons import ConditionReason
from tfmodel.api.status import Endpoint, TFModelStatus
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.metadata import SERVING, selector
from tfmodel_operator.plan.conditions import abnormal, conditions
from tfmodel_operator.plan.facts import Facts

_PHASES = {
    ConditionReason.RUN_PENDING: "Pending",
    ConditionReason.TRAINING: "Training",
    ConditionReason.FETCHING: "Fetching",
    ConditionReason.EXPORTING: "Exporting",
    ConditionReason.RETRYING: "Training",
    ConditionReason.SUSPENDED: "Suspended",
}


def status(facts: Facts, *, operator_version: str) -> TFModelStatus:
    """The status that tells these facts."""
    model, serving, versions = facts.model, facts.serving, facts.versions
    return TFModelStatus(
        observed_generation=model.metadata.generation,
        phase=phase(facts),
        conditions=conditions(facts),
        replicas=serving.replicas,
        ready_replicas=serving.ready,
        replicas_summary=f"{serving.ready}/{serving.wanted}",
        selector=",".join(f"{name}={value}" for name, value in selector(model, SERVING).items()),
        active_version=versions.active,
        target_version=versions.target,
        endpoints=endpoints(model) if versions.in_store else None,
        training=facts.run.status,
        versions=list(versions.known),
        operator_version=operator_version,
    )


def phase(facts: Facts) -> str:
    """The state in one word."""
    held = abnormal(facts)
    if "Stalled" in held and not facts.answers:
        return "Failed"
    if "Degraded" in held:
        return "Degraded"
    if not facts.run.is_over:
        return _PHASES.get(facts.run.step, "Pending")
    if facts.serving.wanted == 0:
        return "Stopped"
    return "Ready" if facts.is_done else "Deploying"


def endpoints(model: TFModel) -> list[Endpoint]:
    """Where the model answers inside the cluster."""
    service = model.spec.serving.service
    host = f"{model.name}.{model.namespace}.svc"
    rest = f"http://{host}:{service.rest_port}"
    predict = f"{rest}/v1/models/{model.name}:predict"
    forward = f"kubectl -n {model.namespace} port-forward service/{model.name} {service.rest_port}"
    return [
        Endpoint(
            protocol="REST",
            url=predict,
            example=f"{forward} & curl -d @request.json localhost:{service.rest_port}/v1/models/{model.name}:predict",
        ),
        Endpoint(protocol="GRPC", url=f"{host}:{service.grpc_port}"),
        Endpoint(protocol="Metrics", url=f"{rest}/metrics"),
    ]
