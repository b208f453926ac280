"""The gRPC server: the services of both APIs, grpc.health.v1 that follows readiness, reflection."""

import asyncio
from collections.abc import Sequence

from tfmodel_runtime.grpc import health, inference_service, model_service, prediction_service, reflection
from tfmodel_runtime.grpc.arguments import Arguments, Bounds, apply
from tfmodel_runtime.grpc.assembly import Intake
from tfmodel_runtime.grpc.dispatch import Dispatcher, Service
from tfmodel_runtime.grpc.health import HealthService
from tfmodel_runtime.grpc.reflection import ReflectionService
from tfmodel_runtime.http2.limits import Limits
from tfmodel_runtime.http2.listener import Listener
from tfmodel_runtime.security.tls import Certificates
from tfmodel_runtime.security.tokens import Tokens
from tfmodel_runtime.sockets import listen

_FOLLOWED = (prediction_service.SERVICE, model_service.SERVICE, inference_service.SERVICE)
_TOLD = (*_FOLLOWED, health.SERVICE, *reflection.SERVICES)


class GrpcServer:
    """A server on one address. `start` opens the port, `stop` finishes what is in flight within the grace."""

    def __init__(
        self,
        services: Sequence[Service],
        *,
        most_message_bytes: int,
        arguments: Arguments = (),
        certificates: Certificates | None = None,
        tokens: Tokens | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Raises InvalidInputError for an argument that is not honoured."""
        self._bounds = apply(Bounds(limits or Limits(), most_message_bytes), arguments)
        self._health = HealthService(_FOLLOWED)
        self._services = (*services, self._health, *(ReflectionService(name, _TOLD) for name in reflection.SERVICES))
        self._context = None if certificates is None else certificates.context_of_http2
        self._tokens = tokens
        self._listener: Listener | None = None

    async def start(self, address: str, port: int, *, socket_path: str = "", is_shared: bool = False) -> int:
        """Opens the port and returns it; port 0 lets the system choose. With a path, opens a Unix socket there too.

        A port that is shared may be opened by other processes as well.

        Raises:
            OSError: the address cannot be bound.
        """
        limits, most = self._bounds.limits, self._bounds.most_message_bytes
        intake = Intake(asyncio.get_running_loop(), most, max(limits.buffered_bytes, most), limits.body_seconds)
        self._listener = Listener(limits, Dispatcher(self._services, intake, self._tokens).begin, self._context)
        one = listen(address, port, is_shared=is_shared)
        await self._listener.listen(one)
        if socket_path:
            await self._listener.listen_at(socket_path)
        return int(one.getsockname()[1])

    async def set_serving(self, *, is_serving: bool) -> None:
        """What health answers from now on."""
        self._health.set_serving(is_serving=is_serving)

    async def stop(self, grace_seconds: float) -> None:
        """Takes nothing new, finishes what is in flight, refuses what is left after the grace."""
        if self._listener is not None:
            await self._listener.stop(grace_seconds)
