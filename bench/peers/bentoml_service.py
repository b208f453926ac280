"""The service that BentoML imports; bentoml_server.py starts it."""

import os

import bentoml
import numpy as np
from saved_model import load


@bentoml.service(
    workers=int(os.environ["BENTO_WORKERS"]),
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
class SavedModel:
    def __init__(self) -> None:
        self._run = load(os.environ["BENTO_SAVED_MODEL"])

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
    async def predict(self, x: np.ndarray) -> np.ndarray:
        return self._run(x.astype(np.float32, copy=False))
