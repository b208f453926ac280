"""Ray Serve: JSON over its HTTP proxy, the Open Inference Protocol over its gRPC proxy; its own switch for throughput is on."""

import os
import signal
from typing import Any

os.environ.setdefault("RAY_SERVE_THROUGHPUT_OPTIMIZED", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np
import orjson
import ray
from ray import serve
from ray.serve.config import HTTPOptions, gRPCOptions
from ray.serve.schema import LoggingConfig
from rayserve_protocol import service_pb2
from starlette.requests import Request
from starlette.responses import Response

_ADD_SERVICER = "rayserve_protocol.add_servicer"
_MOST_WAITING = 256


@serve.deployment(
    max_ongoing_requests=_MOST_WAITING,
    ray_actor_options={"num_cpus": 0},
    logging_config=LoggingConfig(enable_access_log=False),
)
class SavedModel:
    def __init__(self, path: str) -> None:
        from saved_model import load  # noqa: PLC0415 - only in the replicas, which alone need TensorFlow

        self._run = load(path)

    async def __call__(self, request: Request) -> Response:
        rows = np.array(orjson.loads(await request.body())["instances"], np.float32)
        body = orjson.dumps({"predictions": self._run(rows)}, option=orjson.OPT_SERIALIZE_NUMPY)
        return Response(body, media_type="application/json")

    async def ModelInfer(self, request: Any) -> Any:  # noqa: N802 - the method's name in the protocol
        given = request.inputs[0]
        answer = self._run(np.frombuffer(request.raw_input_contents[0], np.float32).reshape(given.shape))
        output = service_pb2.ModelInferResponse.InferOutputTensor(name="y", datatype="FP32", shape=answer.shape)
        return service_pb2.ModelInferResponse(
            model_name=request.model_name, outputs=[output], raw_output_contents=[answer.tobytes()]
        )


def main(given: Any) -> None:
    ray.init(include_dashboard=False, num_cpus=os.cpu_count(), log_to_driver=False)
    serve.start(
        http_options=HTTPOptions(host="127.0.0.1", port=given.rest_port),
        grpc_options=gRPCOptions(port=given.grpc_port, grpc_servicer_functions=[_ADD_SERVICER]),
        logging_config=LoggingConfig(enable_access_log=False),
    )
    serve.run(SavedModel.options(num_replicas=given.workers).bind(given.model), route_prefix="/")
    signal.pause()


if __name__ == "__main__":
    from arguments import arguments

    main(arguments())
