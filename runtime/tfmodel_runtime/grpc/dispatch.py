"""From a request of HTTP/2 to a call: is it gRPC, may it, and which method does it name."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from tfmodel_runtime.grpc import statuses
from tfmodel_runtime.grpc.assembly import Intake
from tfmodel_runtime.grpc.calls import Method, Talk, Unary, UnaryCall
from tfmodel_runtime.grpc.framing import ENCODINGS, seconds
from tfmodel_runtime.grpc.statuses import StatusError
from tfmodel_runtime.http2.request import Request
from tfmodel_runtime.http2.stream import Receiver, Stream
from tfmodel_runtime.security.tokens import Tokens
from tfmodel_runtime.statuses import Code

_CONTENT_TYPE = b"application/grpc"
_OPEN = (
    b"/grpc.health.v1.Health/",
    b"/inference.GRPCInferenceService/ServerLive",
    b"/inference.GRPCInferenceService/ServerReady",
)


class Service(Protocol):
    """A service: its full name, and its methods by theirs."""

    name: str

    def methods(self) -> Mapping[str, Method]:
        """The methods."""


class Refused:
    """Takes what comes of a request that was answered before it was read."""

    def received(self, data: bytes, *, is_last: bool) -> None:
        """Drops it."""

    def aborted(self) -> None:
        """Nobody waits."""

    expired = stopping = cut = aborted


_REFUSED = Refused()


class Dispatcher:
    """Finds who answers a request."""

    def __init__(self, services: Iterable[Service], intake: Intake, tokens: Tokens | None) -> None:
        self._methods = {
            f"/{service.name}/{name}".encode(): method
            for service in services
            for name, method in service.methods().items()
        }
        self._intake = intake
        self._tokens = tokens

    def begin(self, stream: Stream, request: Request | None) -> Receiver:
        """Who answers a request; None stands for one whose fields are too large."""
        if request is None:
            return _refuse(stream, StatusError(Code.RESOURCE_EXHAUSTED, "received metadata size exceeds hard limit"))
        if not _is_grpc(request):
            stream.finish(statuses.NO_GRPC)
            return _REFUSED
        try:
            method, timeout = self._method(request), _timeout(request)
        except StatusError as status:
            return _refuse(stream, status)
        if isinstance(method, Unary):
            return UnaryCall(method, stream, request, self._intake, timeout)
        return Talk(method, stream, request, self._intake, timeout)

    def _method(self, request: Request) -> Method:
        """The method that a request may call.

        Raises:
            StatusError: it may call none.
        """
        if self._tokens is not None and not self._admits(self._tokens, request):
            raise StatusError(Code.UNAUTHENTICATED, "a token of this server is needed: authorization: Bearer")
        method = self._methods.get(request.path)
        if method is None:
            raise StatusError(Code.UNIMPLEMENTED, "Method not found!")
        encoding = request.fields.get(b"grpc-encoding")
        if encoding is not None and encoding not in ENCODINGS:
            name = encoding.decode("ascii", errors="replace")
            raise StatusError(Code.UNIMPLEMENTED, f"grpc-encoding {name} is not supported")
        return method

    @staticmethod
    def _admits(tokens: Tokens, request: Request) -> bool:
        return request.path.startswith(_OPEN) or tokens.admits(request.fields.get(b"authorization", b""))


def _refuse(stream: Stream, status: StatusError) -> Receiver:
    stream.finish(statuses.trailers(status.code, str(status), is_whole=True))
    return _REFUSED


def _timeout(request: Request) -> float | None:
    """Seconds that the client gives the call; None if it tells none.

    Raises:
        StatusError: what it tells is no time.
    """
    told = request.fields.get(b"grpc-timeout")
    if told is None:
        return None
    found = seconds(told)
    if found is None:
        raise StatusError(Code.INTERNAL, "grpc-timeout is none")
    return found


def _is_grpc(request: Request) -> bool:
    return request.method == b"POST" and request.fields.get(b"content-type", b"").startswith(_CONTENT_TYPE)
