"""What `spec.export` asks of the export step: formats beside the SavedModel, the data that one of them learns by, names of features.

The step is one container whatever is asked, so that what is checked and what is published is decided in one place; a format that needs
more than the trainer's image holds is made by running the step from an image that holds it too.
"""

import hashlib
import json
from typing import Any

from tfmodel.api.training import Input
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.metadata import Json
from tfmodel_operator.values import Release


def digest(model: TFModel) -> str | None:
    """What `spec.export` says, in eight characters; None if it says nothing. Fields at their default do not count."""
    said = model.spec.export.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    if not said:
        return None
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:8]


def image(model: TFModel, release: Release) -> str:
    """The image that the step runs from."""
    return release.tfjs_image if "TFJS" in (model.spec.export.formats or ()) else release.trainer_image


def request_fields(model: TFModel) -> dict[str, Any]:
    """Fields of the export request."""
    export, data = model.spec.export, representative_input(model)
    return {
        "formats": tuple(export.formats or ()),
        "quantization": export.quantization,
        "representative_data": data.mount_path if data else "",
        "feature_names": tuple(export.feature_names or ()),
        "export_digest": digest(model),
    }


def representative_input(model: TFModel) -> Input | None:
    """The input that a quantization learns by."""
    training, tflite = model.spec.training, model.spec.export.tflite
    if training is None or tflite is None or tflite.representative_input is None:
        return None
    return next(data for data in training.inputs or () if data.name == tflite.representative_input)


def mounts(model: TFModel) -> list[Json]:
    """The one input that the export step reads, where the training has it."""
    data = representative_input(model)
    return [input_mount(data)] if data else []


def input_mount(data: Input) -> Json:
    """An input in a container."""
    claim = data.persistent_volume_claim
    folder = {"subPath": claim.sub_path} if claim and claim.sub_path else {}
    return {"name": f"input-{data.name}", "mountPath": data.mount_path, "readOnly": True, **folder}
