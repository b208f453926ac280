"""The gRPC server: the services of both APIs, grpc.health.v1 that follows readiness, reflection."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from tfmodel.wire import messages
from tfmodel_runtime.grpc import inference_service, model_service, prediction_service

_FOLLOWED = ("", prediction_service.SERVICE, model_service.SERVICE, inference_service.SERVICE)
_SERVICES = (*_FOLLOWED[1:], health.SERVICE_NAME, reflection.SERVICE_NAME)

Arguments = Sequence[tuple[str, str | int]]


class Service(Protocol):
    """A service of ours."""

    def handler(self) -> Any:
        """The service as gRPC registers it."""


class GrpcServer:
    """A server on one address. `start` opens the port, `stop` finishes what is in flight within the grace."""

    def __init__(self, services: Iterable[Service], *, most_message_bytes: int, arguments: Arguments = ()) -> None:
        options = [
            ("grpc.max_receive_message_length", most_message_bytes),
            ("grpc.max_send_message_length", most_message_bytes),
            *arguments,
            ("grpc.so_reuseport", 0),
        ]
        self._server = grpc.aio.server(options=options)
        self._health = health.aio.HealthServicer()
        self._server.add_generic_rpc_handlers(tuple(service.handler() for service in services))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        _know(health_pb2.DESCRIPTOR)
        _know(reflection_pb2.DESCRIPTOR)
        reflection.enable_server_reflection(_SERVICES, self._server, messages.POOL)

    async def start(self, address: str) -> int:
        """Opens the port and returns it; port 0 lets the system choose.

        Raises:
            RuntimeError: the address cannot be bound.
        """
        port: int = self._server.add_insecure_port(address)
        await self.set_serving(is_serving=False)
        await self._server.start()
        return port

    async def set_serving(self, *, is_serving: bool) -> None:
        """What health answers from now on."""
        serving = health_pb2.HealthCheckResponse.SERVING
        state = serving if is_serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in _FOLLOWED:
            await self._health.set(service, state)

    async def stop(self, grace_seconds: float) -> None:
        """Takes nothing new, finishes what is in flight, cancels what is left after the grace."""
        await self._server.stop(grace_seconds)


def _know(descriptor: Any) -> None:
    """Makes a file known to the pool that reflection reads."""
    messages.POOL.AddSerializedFile(descriptor.serialized_pb)
