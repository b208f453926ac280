"""What is said of a TFModel that is not carried out: one whose spec cannot be read, and one that is paused."""

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from tfmodel.api.reasons import ConditionReason, EventReason
from tfmodel.api.status import Condition, TFModelStatus
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.plan.conditions import Verdict, condition, timestamp
from tfmodel_operator.read import at
from tfmodel_operator.values import Event, Manifest, Plan, Release

_OF_A_LIVING_MODEL = ("Reconciling", "Stalled", "Degraded")


def explain(error: ValidationError) -> str:
    """Each field that is wrong: its path, what is wrong, what came."""
    return "; ".join(_explain_one(dict(found)) for found in error.errors(include_url=False))


def _explain_one(found: dict[str, Any]) -> str:
    path = ".".join(str(part) for part in found["loc"])
    given = "" if found["type"] in ("extra_forbidden", "missing") else f", got {str(found.get('input'))[:80]!r}"
    return f"{path}: {found['msg']}{given}"


def invalid(found: Manifest, error: ValidationError, now: datetime, release: Release) -> Plan:
    """What to say of an object that this release cannot read; its children are left alone."""
    generation = int(at(found, "metadata", "generation") or 0)
    message = f"{explain(error)}. Correct the field, or upgrade the operator if the field is of a newer release."
    said = [
        ("Accepted", "False", ConditionReason.INVALID_SPEC),
        ("Ready", "False", ConditionReason.INVALID_SPEC),
        ("Stalled", "True", ConditionReason.INVALID_SPEC),
    ]
    before = {one.get("type"): one for one in at(found, "status", "conditions") or ()}
    conditions = [
        Condition.model_validate(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastTransitionTime": _since(before.get(kind), status, now),
                "observedGeneration": generation,
            }
        )
        for kind, status, reason in said
    ]
    status = TFModelStatus(
        observed_generation=generation, phase="Failed", conditions=conditions, operator_version=release.version
    )
    is_news = at(before.get("Accepted"), "reason") != ConditionReason.INVALID_SPEC
    events = (Event("Warning", EventReason.INVALID_SPEC, message),) if is_news else ()
    return Plan(apply=(), delete=(), status=status, events=events)


def _since(before: Manifest | None, status: str, now: datetime) -> str:
    return str(before["lastTransitionTime"]) if before and before.get("status") == status else timestamp(now)


def paused(model: TFModel, now: datetime, release: Release) -> Plan:
    """What to say of a paused TFModel: what was said before, and that nothing is changed."""
    verdict = Verdict("True", ConditionReason.PAUSED, "spec.paused is true: nothing is changed until it is false")
    kept = [one for one in model.status.conditions or () if one.type not in ("Accepted", *_OF_A_LIVING_MODEL)]
    status = model.status.model_copy(
        update={
            "observed_generation": model.metadata.generation,
            "phase": "Paused",
            "conditions": [condition(model, "Accepted", verdict, now), *kept],
            "operator_version": release.version,
        }
    )
    return Plan(apply=(), delete=(), status=status)
