"""MLServer: the Open Inference Protocol over both. The model in the server's own process, which answers small models soonest."""

import asyncio
from typing import Any

from arguments import arguments
from mlserver import MLModel, MLServer, ModelSettings, Settings, types
from mlserver.codecs import NumpyCodec
from mlserver.utils import install_uvloop_event_loop
from saved_model import load

_MOST_BYTES = 64 * 2**20


class SavedModel(MLModel):
    async def load(self) -> bool:
        self._run = load(self._settings.parameters.uri)
        return True

    async def predict(self, payload: types.InferenceRequest) -> types.InferenceResponse:
        answer = self._run(NumpyCodec.decode_input(payload.inputs[0]))
        return types.InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("y", answer)])


def main(given: Any) -> None:
    settings = Settings(
        debug=False,
        host="127.0.0.1",
        http_port=given.rest_port,
        grpc_port=given.grpc_port,
        metrics_endpoint=None,
        parallel_workers=given.workers,
        grpc_max_message_length=_MOST_BYTES,
        gzip_enabled=False,
    )
    model = ModelSettings(
        name=given.name, implementation="mlserver_server.SavedModel", parameters={"uri": given.model, "version": "1"}
    )
    install_uvloop_event_loop()

    async def serve() -> None:
        await MLServer(settings).start([model])

    asyncio.run(serve())


if __name__ == "__main__":
    main(arguments())
