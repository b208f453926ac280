"""Names of children: functions of the TFModel alone, so that a crash between two calls cannot make two of anything."""

import hashlib
import json

from tfmodel.api.v1alpha1 import TFModel

_NOT_PART_OF_A_RUN = {"suspend", "runId", "schedule"}


def run_key(model: TFModel, scheduled_at: str | None = None) -> str:
    """The run that the spec asks for: its id, and a digest of what it is made from and of the time that the schedule names.

    Fields at their default do not count, so that a release which adds a field starts no new runs.
    """
    made_by = model.spec.training or model.spec.source
    assert made_by is not None  # noqa: S101 - a parsed spec has one of both
    recipe = made_by.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    text = json.dumps({name: part for name, part in recipe.items() if name not in _NOT_PART_OF_A_RUN}, sort_keys=True)
    text += scheduled_at or ""
    return f"{made_by.run_id}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def job_name(model: TFModel, key: str | None = None) -> str:
    """Name of the Job of a run: the one with that key, or the one that the spec asks for by itself."""
    return f"{model.name}-{key or run_key(model)}"


def claim_name(model: TFModel) -> str:
    """Name of the PersistentVolumeClaim that holds the versions."""
    return model.spec.storage.existing_claim or f"{model.name}-store"
