"""tensorflow.serving.PredictionService: Predict and GetModelMetadata (contract section 8)."""

from collections.abc import Mapping
from typing import Any

import grpc

from tfmodel.wire import messages
from tfmodel.wire.dtypes import name, of_array
from tfmodel_runtime.codec import tensor_proto
from tfmodel_runtime.engine.signature import Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.grpc.calls import remaining_seconds, unary
from tfmodel_runtime.model_info import metadata
from tfmodel_runtime.predict import Ask, Call, Predictor
from tfmodel_runtime.servables.manager import Handle, Manager

SERVICE = "tensorflow.serving.PredictionService"


class PredictionService:
    """Answers predictions."""

    def __init__(self, manager: Manager, predictor: Predictor) -> None:
        self._manager = manager
        self._predictor = predictor

    def handler(self) -> Any:
        """The service as gRPC registers it; methods that are not there answer UNIMPLEMENTED."""
        methods = {
            "Predict": unary(self.predict, messages.PredictRequest),
            "GetModelMetadata": unary(self.get_model_metadata, messages.GetModelMetadataRequest),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def predict(self, request: Any, context: Any) -> Any:
        """PredictionService.Predict."""
        model, version, label = target(request)
        call = Call(
            model,
            version,
            label,
            request.model_spec.signature_name,
            "grpc",
            timeout_seconds=remaining_seconds(context),
        )
        return await self._predictor.predict(call, lambda signature: _ask(request, signature), _answer)

    async def get_model_metadata(self, request: Any, _context: Any) -> Any:
        """PredictionService.GetModelMetadata."""
        model, version, label = target(request)
        if not request.metadata_field:
            raise InvalidInputError("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise InvalidInputError(f"Metadata field {field} is not supported")
        with self._manager.acquire(model, version, label) as handle:
            return metadata(handle)


def target(request: Any) -> tuple[str, int | None, str | None]:
    """Model, version and label of a request's model_spec; a version that is set counts even when it is 0.

    Raises:
        InvalidInputError: there is no model_spec, or no name in it.
    """
    if not request.HasField("model_spec"):
        raise InvalidInputError("Missing ModelSpec")
    spec = request.model_spec
    if not spec.name:
        raise InvalidInputError("ModelSpec has no name specified.")
    choice = spec.WhichOneof("version_choice")
    version = spec.version.value if choice == "version" else None
    return spec.name, version, spec.version_label if choice == "version_label" else None


def _ask(request: Any, signature: Signature) -> Ask:
    _check_aliases(request.inputs, signature)
    feeds = {alias: tensor_proto.decode(request.inputs[alias], alias) for alias in signature.inputs}
    for alias, array in feeds.items():
        wanted = signature.inputs[alias].data_type
        found = of_array(array)
        if found is not wanted:
            number = list(signature.inputs).index(alias)
            raise InvalidInputError(f"Expects arg[{number}] to be {name(wanted)} but {name(found)} is provided")
    return Ask(feeds, _fetches(list(request.output_filter), signature))


def _check_aliases(inputs: Mapping[str, Any], signature: Signature) -> None:
    sent, wanted = set(inputs), set(signature.inputs)
    if len(sent) != len(wanted):
        raise InvalidInputError(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({_set(sent)}) != len({_set(wanted)}). "
            f"Sent extra: {_set(sent - wanted)}. Missing but required: {_set(wanted - sent)}."
        )
    for alias in sorted(wanted - sent):
        tensor = signature.inputs[alias].tensor_name
        raise InvalidInputError(
            f"Signature input alias: {alias}(feed name: {tensor}) not found in request and no default value provided. "
            f"Inputs expected to be in the set {_set(wanted)}."
        )


def _set(names: set[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _fetches(wanted: list[str], signature: Signature) -> list[str] | None:
    for number, alias in enumerate(wanted):
        if alias not in signature.outputs:
            raise InvalidInputError(f"output tensor alias not found in signature: {alias}")
        if alias in wanted[:number]:
            raise InvalidInputError(f"duplicate output tensor alias: {alias}")
    return wanted or None


def _answer(handle: Handle, signature: Signature, outputs: Mapping[str, Array]) -> Any:
    answer = messages.PredictResponse()
    answer.model_spec.name = handle.name
    answer.model_spec.version.value = handle.version
    answer.model_spec.signature_name = signature.name
    for alias, array in outputs.items():
        answer.outputs[alias].CopyFrom(tensor_proto.encode(array))
    return answer
