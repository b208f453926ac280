"""Status and metadata of models, as messages and as the JSON that TensorFlow Serving prints (contract section 5)."""

import json
from typing import Any

from google.protobuf import json_format

from tfmodel.wire import messages
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.servables.servable import Handle
from tfmodel_runtime.servables.states import WIRE_NUMBERS

_TYPE_URL = "type.googleapis.com/tensorflow.serving.SignatureDefMap"


def status(manager: Manager, name: str, version: int | None) -> Any:
    """A GetModelStatusResponse.

    Raises:
        NoVersionsError: nothing is known of the model or version.
    """
    answer = messages.GetModelStatusResponse()
    for told in manager.states(name, version):
        one = answer.model_version_status.add(version=told.version, state=WIRE_NUMBERS[told.state])
        one.status.error_code = told.error_code
        one.status.error_message = told.error_message
    return answer


def status_json(manager: Manager, name: str, version: int | None) -> bytes:
    """The status as REST tells it; versions are strings there."""
    return _json(status(manager, name, version))


def metadata(handle: Handle) -> Any:
    """A GetModelMetadataResponse with the signatures."""
    answer = messages.GetModelMetadataResponse()
    answer.model_spec.name = handle.name
    answer.model_spec.version.value = handle.version
    packed = answer.metadata["signature_def"]
    packed.type_url = _TYPE_URL
    packed.value = _signatures(handle).SerializeToString()
    return answer


def metadata_json(manager: Manager, name: str, version: int | None, label: str | None) -> bytes:
    """The metadata as REST tells it."""
    with manager.acquire(name, version, label) as handle:
        signatures = json_format.MessageToDict(
            _signatures(handle), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        spec = {"name": name, "signature_name": "", "version": str(handle.version)}
    answer = {"model_spec": spec, "metadata": {"signature_def": signatures}}
    return json.dumps(answer, indent=1).encode()


def _signatures(handle: Handle) -> Any:
    found = messages.SignatureDefMap()
    for name, signature in handle.model.signature_defs.items():
        found.signature_def[name].CopyFrom(signature)
    return found


def _json(message: Any) -> bytes:
    return json_format.MessageToJson(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=1
    ).encode()
