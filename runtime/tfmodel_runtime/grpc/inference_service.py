"""inference.GRPCInferenceService of the Open Inference Protocol (contract section 17).

The repository's methods and those of Triton's extensions are not there and answer UNIMPLEMENTED.
"""

from dataclasses import replace
from typing import Any

import grpc

from tfmodel.wire import messages
from tfmodel_runtime.codec import v2_grpc, v2_request
from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.grpc.calls import remaining_seconds, unary
from tfmodel_runtime.open_inference import EXTENSIONS, PLATFORM, SERVER_NAME, OpenInference, TensorInfo, version_of
from tfmodel_runtime.predict import Call

SERVICE = "inference.GRPCInferenceService"


class InferenceService:
    """Answers the Open Inference Protocol."""

    def __init__(self, inference: OpenInference) -> None:
        self._inference = inference

    def handler(self) -> Any:
        """The service as gRPC registers it."""
        methods = {
            "ServerLive": unary(self.server_live, messages.ServerLiveRequest),
            "ServerReady": unary(self.server_ready, messages.ServerReadyRequest),
            "ModelReady": unary(self.model_ready, messages.ModelReadyRequest),
            "ServerMetadata": unary(self.server_metadata, messages.ServerMetadataRequest),
            "ModelMetadata": unary(self.model_metadata, messages.ModelMetadataRequest),
            "ModelInfer": unary(self.model_infer, messages.ModelInferRequest),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def server_live(self, _request: Any, _context: Any) -> Any:
        """Whether the process answers."""
        return messages.ServerLiveResponse(live=True)

    async def server_ready(self, _request: Any, _context: Any) -> Any:
        """Whether requests should be sent here."""
        return messages.ServerReadyResponse(ready=self._inference.objection() is None)

    async def model_ready(self, request: Any, _context: Any) -> Any:
        """Whether a model, or a version of it, can be asked."""
        objection = self._inference.model_objection(_named(request.name), request.version)
        return messages.ModelReadyResponse(ready=objection is None)

    async def server_metadata(self, _request: Any, _context: Any) -> Any:
        """What this server is."""
        return messages.ServerMetadataResponse(name=SERVER_NAME, version=self._inference.version, extensions=EXTENSIONS)

    async def model_metadata(self, request: Any, _context: Any) -> Any:
        """A model's versions, and inputs and outputs of its default signature."""
        found = self._inference.model(_named(request.name), request.version)
        answer = messages.ModelMetadataResponse(name=found.name, versions=found.versions, platform=PLATFORM)
        for one in found.inputs:
            answer.inputs.add(**_fields(one))
        for one in found.outputs:
            answer.outputs.add(**_fields(one))
        return answer

    async def model_infer(self, message: Any, context: Any) -> Any:
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
            timeout_seconds=remaining_seconds(context),
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
