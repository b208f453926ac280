"""inference.GRPCInferenceService of the Open Inference Protocol (contract section 17).

The repository's methods and those of Triton's extensions are not there and answer UNIMPLEMENTED.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tfmodel.wire import messages
from tfmodel_runtime.codec import v2_grpc, v2_request
from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.grpc.calls import Context, Method, Unary
from tfmodel_runtime.open_inference import EXTENSIONS, PLATFORM, SERVER_NAME, OpenInference, TensorInfo, version_of
from tfmodel_runtime.predict import Call

SERVICE = "inference.GRPCInferenceService"


class InferenceService:
    """Answers the Open Inference Protocol."""

    name = SERVICE

    def __init__(self, inference: OpenInference) -> None:
        self._inference = inference

    def methods(self) -> Mapping[str, Method]:
        """The methods."""
        return {
            "ServerLive": Unary(self.server_live, messages.ServerLiveRequest),
            "ServerReady": Unary(self.server_ready, messages.ServerReadyRequest),
            "ModelReady": Unary(self.model_ready, messages.ModelReadyRequest),
            "ServerMetadata": Unary(self.server_metadata, messages.ServerMetadataRequest),
            "ModelMetadata": Unary(self.model_metadata, messages.ModelMetadataRequest),
            "ModelInfer": Unary(self.model_infer, messages.ModelInferRequest),
        }

    async def server_live(self, _request: Any, _context: Context) -> Any:
        """Whether the process answers."""
        return messages.ServerLiveResponse(live=True)

    async def server_ready(self, _request: Any, _context: Context) -> Any:
        """Whether requests should be sent here."""
        return messages.ServerReadyResponse(ready=self._inference.objection() is None)

    async def model_ready(self, request: Any, _context: Context) -> Any:
        """Whether a model, or a version of it, can be asked."""
        objection = self._inference.model_objection(_named(request.name), request.version)
        return messages.ModelReadyResponse(ready=objection is None)

    async def server_metadata(self, _request: Any, _context: Context) -> Any:
        """What this server is."""
        return messages.ServerMetadataResponse(name=SERVER_NAME, version=self._inference.version, extensions=EXTENSIONS)

    async def model_metadata(self, request: Any, _context: Context) -> Any:
        """A model's versions, and inputs and outputs of its default signature."""
        found = self._inference.model(_named(request.name), request.version)
        answer = messages.ModelMetadataResponse(name=found.name, versions=found.versions, platform=PLATFORM)
        for one in found.inputs:
            answer.inputs.add(**_fields(one))
        for one in found.outputs:
            answer.outputs.add(**_fields(one))
        return answer

    async def model_infer(self, message: Any, context: Context) -> Any:
        """An inference."""
        name = _named(message.model_name)
        version = version_of(name, message.model_version)
        call = Call(
            name,
            version,
            None,
            "",
            "grpc",
            "infer",
            timeout_seconds=context.time_remaining(),
            body_bytes=message.ByteSize(),
        )
        request = await self._inference.read(call, lambda: v2_grpc.read(message))
        return await self._inference.infer(
            replace(call, signature=request.signature_name),
            lambda signature: v2_request.ask(request, signature),
            lambda handle, signature, outputs: v2_grpc.answer(
                request, signature, outputs, model_name=handle.name, model_version=handle.version
            ),
        )


def _named(name: str) -> str:
    if not name:
        raise InvalidInputError("the request has no model name")
    return name


def _fields(tensor: TensorInfo) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
