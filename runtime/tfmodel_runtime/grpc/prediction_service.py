"""tensorflow.serving.PredictionService: Predict, Classify, Regress, MultiInference, GetModelMetadata (contract section 8)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tfmodel.wire import messages
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE, Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError, RuntimeFault
from tfmodel_runtime.grpc.calls import Context, Method, Told, Unary
from tfmodel_runtime.grpc.predict_lanes import PredictLanes
from tfmodel_runtime.methods import classification, examples, multi_inference, prediction, regression
from tfmodel_runtime.model_info import metadata
from tfmodel_runtime.predict import Call, Predictor
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.servables.servable import Handle

SERVICE = "tensorflow.serving.PredictionService"
_MOST_BYTES_AT_ONCE = 2**16


@dataclass(frozen=True, slots=True)
class _OfExamples:
    """A method that is fed examples: what it asks of the model, and what it makes of the outputs for so many examples."""

    name: str
    check: Callable[[Signature], None]
    ask: Callable[[Signature, Array], Ask]
    result: Callable[[Mapping[str, Array], int], Any]
    response: Any


class PredictionService:
    """Answers predictions. Tensors are encoded by `encode_tensor`."""

    name = SERVICE

    def __init__(self, manager: Manager, predictor: Predictor, encode_tensor: prediction.EncodeTensor) -> None:
        self._manager = manager
        self._predictor = predictor
        self._encode_tensor = encode_tensor
        self._lanes = PredictLanes(predictor, self._answer)

    def methods(self) -> Mapping[str, Method]:
        """The methods."""
        return {
            "Predict": Unary(self.predict, messages.PredictRequest, self.predict_at_once, self._lanes.take),
            "Classify": Unary(self.classify, messages.ClassificationRequest),
            "Regress": Unary(self.regress, messages.RegressionRequest),
            "MultiInference": Unary(self.multi_inference, messages.MultiInferenceRequest),
            "GetModelMetadata": Unary(self.get_model_metadata, messages.GetModelMetadataRequest),
        }

    async def predict(self, request: Any, context: Context) -> Any:
        """PredictionService.Predict."""
        return await self._predictor.predict(
            _call(request, context, "predict"), lambda signature: prediction.ask(request, signature), self._answer
        )

    def predict_at_once(self, message: bytes, request: Any, context: Context, told: Told) -> bool:
        """PredictionService.Predict of a light call; false if it is for `predict`, as is all that is wrong in any way."""
        try:
            call = _call(request, context, "predict")
        except RuntimeFault:
            return False
        self._lanes.learn(message, request, call)
        return call.body_bytes <= _MOST_BYTES_AT_ONCE and self._predictor.at_once(
            call,
            lambda signature: prediction.ask(request, signature),
            lambda handle, signature, outputs: self._answer(handle, signature, outputs).SerializeToString(),
            told,
        )

    def _answer(self, handle: Handle, signature: Signature, outputs: Mapping[str, Array]) -> Any:
        return prediction.answer(_effective_spec(handle, signature), outputs, self._encode_tensor)

    async def classify(self, request: Any, context: Context) -> Any:
        """PredictionService.Classify."""

        def result(outputs: Mapping[str, Array], count: int) -> Any:
            return classification.as_proto(classification.classified(outputs, count))

        method = _OfExamples(
            "classify", classification.check, classification.ask, result, messages.ClassificationResponse
        )
        return await self._of_examples(request, context, method)

    async def regress(self, request: Any, context: Context) -> Any:
        """PredictionService.Regress."""

        def result(outputs: Mapping[str, Array], count: int) -> Any:
            return regression.as_proto(regression.values(outputs, count))

        return await self._of_examples(
            request,
            context,
            _OfExamples("regress", regression.check, regression.ask, result, messages.RegressionResponse),
        )

    async def _of_examples(self, request: Any, context: Context, method: "_OfExamples") -> Any:
        count = 0

        def decode(signature: Signature) -> Ask:
            nonlocal count
            method.check(signature)
            found = examples.serialized(request.input)
            count = len(found)
            return method.ask(signature, found)

        def encode(handle: Handle, signature: Signature, outputs: Mapping[str, Array]) -> Any:
            return method.response(model_spec=_effective_spec(handle, signature), result=method.result(outputs, count))

        return await self._predictor.predict(_call(request, context, method.name), decode, encode)

    async def multi_inference(self, request: Any, context: Context) -> Any:
        """PredictionService.MultiInference. Version and label are those of the first task."""
        if not request.tasks:
            raise InvalidInputError("ModelSpec has no name specified.")
        tasks: list[multi_inference.Task] = []
        found: list[Array] = []

        def select(handle: Handle) -> Signature:
            tasks.extend(multi_inference.tasks(request, handle.model.signatures))
            return multi_inference.merged(tasks)

        def decode(_signature: Signature) -> Ask:
            found.append(examples.serialized(request.input))
            return multi_inference.ask(tasks, found[0])

        def encode(handle: Handle, _signature: Signature, outputs: Mapping[str, Array]) -> Any:
            return multi_inference.answer(request, tasks, handle.version, outputs, len(found[0]))

        call = _call(request.tasks[0], context, "multi_inference", size=request.ByteSize())
        return await self._predictor.predict(call, decode, encode, select)

    async def get_model_metadata(self, request: Any, _context: Context) -> Any:
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


def _call(request: Any, context: Context, method: str, *, size: int | None = None) -> Call:
    model, version, label = target(request)
    return Call(
        model,
        version,
        label,
        request.model_spec.signature_name,
        "grpc",
        method,
        timeout_seconds=context.time_remaining(),
        body_bytes=request.ByteSize() if size is None else size,
    )


def _effective_spec(handle: Handle, signature: Signature) -> Any:
    """The name, the version that answered, and the signature that was used; a label is not told again."""
    spec = messages.ModelSpec(name=handle.name, signature_name=signature.name or DEFAULT_SIGNATURE)
    spec.version.value = handle.version
    return spec
