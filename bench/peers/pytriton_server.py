"""PyTriton, Triton with the model in Python: the Open Inference Protocol over both, requests that wait run together."""

from typing import Any

import numpy as np
from arguments import arguments
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig
from saved_model import load


def main(given: Any) -> None:
    functions = []
    for _ in range(given.workers):
        run = load(given.model)

        @batch
        def infer(x: np.ndarray, run: Any = run) -> dict[str, np.ndarray]:
            return {"y": run(x)}

        functions.append(infer)
    ports = TritonConfig(
        http_port=given.rest_port, grpc_port=given.grpc_port, metrics_port=given.more_port, http_address="127.0.0.1"
    )
    with Triton(config=ports) as triton:
        triton.bind(
            model_name=given.name,
            infer_func=functions,
            inputs=[Tensor(name="x", dtype=np.float32, shape=tuple(given.shape))],
            outputs=[Tensor(name="y", dtype=np.float32, shape=(-1,))],
            config=ModelConfig(
                batching=True, max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=0)
            ),
        )
        triton.serve()


if __name__ == "__main__":
    main(arguments())
