"""TLS and tokens of the gRPC port."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from tfmodel_runtime.security.tls import Certificates, Material
from tfmodel_runtime.security.tokens import Tokens

_OPEN = (
    "/grpc.health.v1.Health/",
    "/inference.GRPCInferenceService/ServerLive",
    "/inference.GRPCInferenceService/ServerReady",
)


class _Newest:
    """What gRPC asks, from its own threads, at each new connection: the newest certificates, if it has not got them yet."""

    def __init__(self) -> None:
        self._waiting: Any = None

    def put(self, material: Material) -> None:
        self._waiting = configuration(material)

    def take(self) -> Any:
        found, self._waiting = self._waiting, None
        return found


def configuration(material: Material) -> Any:
    """Certificates as gRPC takes them."""
    return grpc.ssl_server_certificate_configuration([(material.key, material.certificate)], material.client_ca)


def credentials(certificates: Certificates) -> Any:
    """Credentials of a server that follow the certificates."""
    newest = _Newest()
    certificates.subscribe(newest.put)
    return grpc.dynamic_ssl_server_credentials(
        configuration(certificates.material),
        newest.take,
        require_client_authentication=certificates.demands_clients,
    )


class TokenInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc] # grpc has no types
    """Lets only those pass who show a token; health is open."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """The handler of a call; one that refuses, without reading the request, if no token was shown."""
        if details.method.startswith(_OPEN) or self._tokens.admits(_authorization(details.invocation_metadata)):
            return await continuation(details)
        return grpc.stream_stream_rpc_method_handler(_refuse)


async def _refuse(_requests: Any, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "a token of this server is needed: authorization: Bearer")


def _authorization(metadata: Any) -> bytes:
    found = next((value for name, value in metadata or () if name == "authorization"), b"")
    return found if isinstance(found, bytes) else found.encode("utf-8", errors="replace")
