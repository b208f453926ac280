"""tensorflow.serving.ModelService: GetModelStatus. Labels in the request are ignored, as TensorFlow Serving does."""

from typing import Any

import grpc

from tfmodel.wire import messages
from tfmodel_runtime.grpc.calls import unary
from tfmodel_runtime.grpc.prediction_service import target
from tfmodel_runtime.model_info import status
from tfmodel_runtime.servables.manager import Manager

SERVICE = "tensorflow.serving.ModelService"


class ModelService:
    """Tells of models."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def handler(self) -> Any:
        """The service as gRPC registers it."""
        methods = {"GetModelStatus": unary(self.get_model_status, messages.GetModelStatusRequest)}
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def get_model_status(self, request: Any, _context: Any) -> Any:
        """ModelService.GetModelStatus."""
        name, version, _label = target(request)
        return status(self._manager, name, version)
