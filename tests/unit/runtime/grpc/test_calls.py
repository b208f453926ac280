"""Calls over a connection without a socket: statuses, deadlines, cancellation, the end of the server."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import hpack
import pytest

from tfmodel.wire import messages
from tfmodel_runtime.errors import InvalidInputError, OverloadedError
from tfmodel_runtime.grpc.assembly import Intake
from tfmodel_runtime.grpc.calls import Context, Method, Told, Unary
from tfmodel_runtime.grpc.dispatch import Dispatcher
from tfmodel_runtime.grpc.framing import prefixed
from tfmodel_runtime.grpc.health import HealthService
from tfmodel_runtime.http2 import frames
from tfmodel_runtime.http2.connection import Connection
from tfmodel_runtime.http2.delayed import Delayed
from tfmodel_runtime.http2.frames import ErrorCode
from tfmodel_runtime.http2.header_blocks import encode
from tfmodel_runtime.http2.limits import Limits
from tfmodel_runtime.http2.listener import _cut
from tfmodel_runtime.http2.shared import Shared
from tfmodel_runtime.security.tokens import Tokens

Function = Callable[[Any, Context], Awaitable[Any]]
AtOnce = Callable[[bytes, Any, Context, Told], bool]
ASKED = messages.HealthCheckRequest(service="x").SerializeToString()
MOST = 1000


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    def set_write_buffer_limits(self, _high: int) -> None:
        """There is no buffer."""


class Service:
    """One method, M."""

    name = "s"

    def __init__(self, function: Function, at_once: AtOnce | None = None) -> None:
        self._function = function
        self._at_once = at_once

    def methods(self) -> Mapping[str, Method]:
        return {"M": Unary(self._function, messages.HealthCheckRequest, self._at_once)}


class Client:
    """The other end of a connection; `statuses` are those that came, with their texts."""

    def __init__(self, function: Function, tokens: Tokens | None = None, at_once: AtOnce | None = None) -> None:
        self.health = HealthService(["s"])
        self.intake = Intake(asyncio.get_running_loop(), MOST, 10 * MOST, 60.0)
        dispatcher = Dispatcher([Service(function, at_once), self.health], self.intake, tokens)
        self.transport = Transport()
        self.connection = Connection(Shared(Limits(), dispatcher.begin, Delayed(asyncio.get_running_loop())))
        self.connection.connection_made(cast("asyncio.Transport", self.transport))
        self.send(frames.PREFACE + frames.settings({}))
        self._number = -1

    def send(self, data: bytes) -> None:
        self.connection.data_received(data)

    def call(
        self,
        message: bytes = prefixed(ASKED),
        path: bytes = b"/s/M",
        flags: int = frames.END_STREAM,
        /,
        **fields: str,
    ) -> int:
        """Sends a call, or with other flags the beginning of one; the number of its stream."""
        self._number += 2
        told = {"content-type": "application/grpc", **{name.replace("_", "-"): value for name, value in fields.items()}}
        block = encode(
            [
                *((b":method", b"POST"), (b":scheme", b"http"), (b":path", path)),
                *((name.encode(), value.encode()) for name, value in told.items()),
            ]
        )
        head = frames.head(len(block), frames.HEADERS, frames.END_HEADERS, self._number) + block
        self.send(head + frames.head(len(message), frames.DATA, flags, self._number) + message)
        return self._number

    def end(self, number: int) -> None:
        """Ends a call whose message was sent."""
        self.send(frames.head(0, frames.DATA, frames.END_STREAM, number))

    @property
    def statuses(self) -> list[tuple[str, str]]:
        decoder, data, found = hpack.Decoder(), self.transport.written, []
        while data:
            high, low, kind, _, _ = frames.HEAD.unpack_from(data)
            end = frames.HEADER_BYTES + (high << 8 | low)
            if kind == frames.HEADERS:
                fields = {str(name): str(value) for name, value in decoder.decode(data[frames.HEADER_BYTES : end])}
                code = fields.get("grpc-status", fields.get(":status", "200"))
                if code != "200":
                    found.append((code, fields.get("grpc-message", "")))
            data = data[end:]
        return found


async def answering(_request: Any, _context: Context) -> Any:
    return messages.HealthCheckResponse(status=1)


def raising(error: Exception) -> Function:
    async def fail(_request: Any, _context: Context) -> Any:
        raise error

    return fail


async def large(_request: Any, _context: Context) -> Any:
    return messages.HealthCheckRequest(service="x" * MOST)


@pytest.mark.parametrize(
    ("function", "status"),
    [
        (answering, ("0", "")),
        (raising(InvalidInputError("a\nb")), ("3", "a%0Ab")),
        (raising(OverloadedError("busy")), ("14", "busy")),
        (raising(KeyError("secret")), ("13", "internal error: see the server's log")),
        (large, ("8", "SERVER: Sent message larger than max (1003 vs. 1000)")),
    ],
)
async def test_what_a_method_does_becomes_a_status(function: Function, status: tuple[str, str]) -> None:
    client = Client(function)
    client.call()
    assert client.statuses == [status]
    assert client.connection.streams == {}


@pytest.mark.parametrize(
    ("message", "path", "fields", "code"),
    [
        (prefixed(ASKED), b"/s/N", {}, "12"),
        (prefixed(b"\xff"), b"/s/M", {}, "13"),
        (b"", b"/s/M", {}, "13"),
        (prefixed(ASKED)[:-1], b"/s/M", {}, "13"),
        (prefixed(ASKED) * 2, b"/s/M", {}, "13"),
        (prefixed(bytes(MOST + 1)), b"/s/M", {}, "8"),
        (prefixed(ASKED), b"/s/M", {"grpc_encoding": "br"}, "12"),
        (prefixed(ASKED), b"/s/M", {"grpc_timeout": "soon"}, "13"),
        (prefixed(ASKED), b"/s/M", {"grpc_timeout": "0S"}, "4"),
        (prefixed(ASKED), b"/s/M", {"content_type": "text/plain"}, "415"),
        (prefixed(ASKED), b"/s/M", {"k": "v" * 20_000}, "8"),
    ],
)
async def test_what_is_no_call_is_refused_and_the_next_is_answered(
    message: bytes, path: bytes, fields: dict[str, str], code: str
) -> None:
    client = Client(answering)
    client.call(message, path, **fields)
    client.call()
    assert [status for status, _ in client.statuses] == [code, "0"]


def inflating_to(size: int) -> bytes:
    """A compressed message of a service's name, of so many bytes when it is inflated."""
    message = messages.HealthCheckRequest(service="x" * (size - 3)).SerializeToString()
    assert len(message) == size
    return b"\x01" + prefixed(gzip.compress(message))[1:]


async def test_a_whole_message_is_counted_as_it_is_inflated_until_its_call_ends() -> None:
    client = Client(answering)
    numbers = [client.call(inflating_to(MOST), b"/s/M", 0, grpc_encoding="gzip") for _ in range(10)]
    assert client.intake.held_bytes == 10 * MOST
    client.call(inflating_to(MOST), b"/s/M", 0, grpc_encoding="gzip")
    assert client.statuses == [("8", "too much of unfinished messages is held: try again")]
    assert client.intake.held_bytes == 10 * MOST
    client.call(inflating_to(MOST), grpc_encoding="gzip")
    client.end(numbers[0])
    assert [code for code, _ in client.statuses[1:]] == ["0", "0"]
    client.send(frames.rst_stream(numbers[1], ErrorCode.CANCEL))
    assert client.intake.held_bytes == 8 * MOST
    client.connection.connection_lost(None)
    assert client.intake.held_bytes == 0


async def test_a_token_is_asked_for_but_not_by_health() -> None:
    client = Client(answering, Tokens([b"t"]))
    client.call()
    client.call(authorization="Bearer t")
    client.call(prefixed(b""), b"/grpc.health.v1.Health/Check")
    assert [status for status, _ in client.statuses] == ["16", "0", "0"]


class Waiting:
    """A method that waits for ever, and tells how it ended."""

    def __init__(self) -> None:
        self._has_ended = asyncio.Event()

    async def __call__(self, _request: Any, _context: Context) -> Any:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self._has_ended.set()
            raise

    async def until_ended(self) -> None:
        await asyncio.wait_for(self._has_ended.wait(), 10)


async def test_a_call_that_the_client_resets_is_cancelled_even_before_its_first_turn() -> None:
    waiting = Waiting()
    client = Client(waiting)
    number = client.call()
    client.send(frames.rst_stream(number, ErrorCode.CANCEL))
    await waiting.until_ended()
    assert (client.statuses, client.connection.streams) == ([], {})


async def test_a_deadline_ends_a_call_with_a_status() -> None:
    waiting = Waiting()
    client = Client(waiting)
    client.call(grpc_timeout="5m")
    await waiting.until_ended()
    assert client.statuses == [("4", "Deadline Exceeded")]


async def test_a_lost_connection_cancels_its_calls() -> None:
    waiting = Waiting()
    client = Client(waiting)
    client.call()
    client.connection.connection_lost(None)
    await waiting.until_ended()


async def test_draining_tells_of_it_ends_conversations_lets_calls_go_on_and_takes_no_new_ones() -> None:
    waiting = Waiting()
    client = Client(waiting)
    client.call()
    client.call(prefixed(b""), b"/grpc.health.v1.Health/Watch")
    client.connection.drain()
    assert [code for code, _ in client.statuses] == ["14"]
    assert (len(client.connection.streams), client.transport.is_closed) == (1, False)
    client.connection.drained()
    client.call()
    assert len(client.connection.streams) == 1
    _cut(client.connection)
    assert client.statuses[1:] == [("14", "the server is stopping")]
    assert client.transport.is_closed
    await waiting.until_ended()


async def test_watch_tells_of_changes_and_of_nothing_else() -> None:
    client = Client(answering)
    client.call(prefixed(b""), b"/grpc.health.v1.Health/Watch")
    before = client.transport.written.count(prefixed(b"\x08\x02"))
    client.health.set_serving(is_serving=False)
    client.health.set_serving(is_serving=True)
    client.health.set_serving(is_serving=True)
    written = client.transport.written
    assert (before, written.count(prefixed(b"\x08\x02")), written.count(prefixed(b"\x08\x01"))) == (1, 1, 1)


class AtOnceFor:
    """Takes calls without a task; `told` is what answers the last of them."""

    def __init__(self, *, takes: bool) -> None:
        self._takes = takes
        self.told: Told | None = None

    def __call__(self, _message: bytes, _request: Any, _context: Context, told: Told) -> bool:
        self.told = told if self._takes else None
        return self._takes


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"", ("0", "")),
        (OverloadedError("full"), ("14", "full")),
        (bytes(MOST + 1), ("8", "SERVER: Sent message larger than max (1001 vs. 1000)")),
    ],
)
async def test_a_call_that_is_taken_at_once_is_answered_when_that_is_told(
    answer: bytes | OverloadedError, status: tuple[str, str]
) -> None:
    taken = AtOnceFor(takes=True)
    client = Client(raising(AssertionError("not asked")), at_once=taken)
    client.call()
    assert client.statuses == []
    assert taken.told is not None
    taken.told(answer)
    assert client.statuses == [status]
    assert client.connection.streams == {}


async def test_a_call_that_is_not_taken_at_once_goes_the_other_way() -> None:
    client = Client(answering, at_once=AtOnceFor(takes=False))
    client.call()
    assert client.statuses == [("0", "")]


async def test_what_was_taken_at_once_has_a_deadline_and_an_answer_after_it_goes_nowhere() -> None:
    taken = AtOnceFor(takes=True)
    client = Client(answering, at_once=taken)
    client.call(grpc_timeout="20m")
    await asyncio.sleep(0.1)
    assert client.statuses == [("4", "Deadline Exceeded")]
    assert taken.told is not None
    taken.told(b"")
    assert client.statuses == [("4", "Deadline Exceeded")]
