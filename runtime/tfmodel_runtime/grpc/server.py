"""The gRPC server: the services of both APIs, grpc.health.v1 that follows readiness, reflection."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from tfmodel.wire import messages
from tfmodel_runtime.grpc import inference_service, model_service, prediction_service
from tfmodel_runtime.grpc.security import TokenInterceptor, credentials
from tfmodel_runtime.security.tls import Certificates
from tfmodel_runtime.security.tokens import Tokens

_FOLLOWED = ("", prediction_service.SERVICE, model_service.SERVICE, inference_service.SERVICE)
_SERVICES = (*_FOLLOWED[1:], health.SERVICE_NAME, reflection.SERVICE_NAME)

Arguments = Sequence[tuple[str, str | int]]


class Service(Protocol):
    """A service of ours."""

    def handler(self) -> Any:
        """The service as gRPC registers it."""


class GrpcServer:
    """A server on one address. `start` opens the port, `stop` finishes what is in flight within the grace."""

    def __init__(
        self,
        services: Iterable[Service],
        *,
        most_message_bytes: int,
        arguments: Arguments = (),
        certificates: Certificates | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        options = [
            ("grpc.max_receive_message_length", most_message_bytes),
            ("grpc.max_send_message_length", most_message_bytes),
            *arguments,
            ("grpc.so_reuseport", 0),
        ]
        interceptors = () if tokens is None else (TokenInterceptor(tokens),)
        self._server = grpc.aio.server(options=options, interceptors=interceptors)
        self._credentials = None if certificates is None else credentials(certificates)
        self._health = health.aio.HealthServicer()
        self._server.add_generic_rpc_handlers(tuple(service.handler() for service in services))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        _know(health_pb2.DESCRIPTOR)
        _know(reflection_pb2.DESCRIPTOR)
        reflection.enable_server_reflection(_SERVICES, self._server, messages.POOL)

    async def start(self, address: str, port: int, *, socket_path: str = "") -> int:
        """Opens the port and returns it; port 0 lets the system choose. With a path, opens a Unix socket there too.

        Raises:
            RuntimeError: the address cannot be bound.
        """
        host = f"[{address}]" if ":" in address else address
        opened = self._bind(f"{host}:{port}")
        if socket_path:
            self._bind(f"unix:{socket_path}")
        await self.set_serving(is_serving=False)
        await self._server.start()
        return opened

    def _bind(self, address: str) -> int:
        if self._credentials is None:
            return int(self._server.add_insecure_port(address))
        return int(self._server.add_secure_port(address, self._credentials))

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
