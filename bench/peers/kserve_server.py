"""KServe's Python server: V1 over REST, the Open Inference Protocol over gRPC. No line of log a request; uvloop for both."""

import asyncio
import logging
import sys
from typing import Any

import numpy as np
import uvloop
from arguments import arguments
from saved_model import load

given = arguments()
arguments_given, sys.argv = sys.argv, sys.argv[:1]  # KServe reads it too

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.logging import logger, trace_logger

sys.argv = arguments_given  # its workers are started anew with it


class SavedModel(Model):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._run = load(given.model)
        self.ready = True

    def __reduce__(self) -> tuple[Any, ...]:
        """A worker loads the model itself."""
        return SavedModel, (self.name,)

    async def predict(self, payload: Any, *_: Any, **__: Any) -> Any:
        if not isinstance(payload, InferRequest):
            return {"predictions": self._run(np.array(payload["instances"], np.float32)).tolist()}
        answer = self._run(payload.inputs[0].as_numpy())
        output = InferOutput("y", list(answer.shape), "FP32")
        output.set_data_from_numpy(answer, binary_data=True)
        return InferResponse(payload.id, self.name, [output])


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.set_event_loop(asyncio.new_event_loop())  # KServe wants one before it makes its own
    model = SavedModel(given.name)
    server = ModelServer(
        http_port=given.rest_port, grpc_port=given.grpc_port, workers=given.workers, enable_latency_logging=False
    )
    for quiet in (logger, trace_logger, logging.getLogger("uvicorn.access")):
        quiet.setLevel(logging.WARNING)
    server.start([model])
