"""Calls: a stream that carries one, from its first byte to its status.

A unary call is answered by a function that takes it at once, where its method has one and it is light, else by a coroutine, which is
run at once and becomes a task only if it has to wait. A conversation, such as reflection's, answers each message as it comes. Causes become status codes here and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from struct import Struct
from typing import Any, Protocol

from google.protobuf.message import DecodeError

from tfmodel_runtime.errors import RuntimeFault
from tfmodel_runtime.grpc import eager, framing, statuses
from tfmodel_runtime.grpc.assembly import Assembler, Intake
from tfmodel_runtime.grpc.statuses import StatusError
from tfmodel_runtime.http2.request import Request
from tfmodel_runtime.http2.stream import Stream
from tfmodel_runtime.lanes import Receiver
from tfmodel_runtime.statuses import Code, code_of

_log = logging.getLogger(__name__)
_PREFIX = Struct(">BI").unpack_from
_TOO_LATE = "Deadline Exceeded"
_BODY_LATE = "the request's message took too long to come"
_STOPPING = "the server is stopping"


Told = Callable[["bytes | RuntimeFault"], None]


class Context(Protocol):
    """What a method is told beside the request."""

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline; None if it set none."""

    def metadata(self) -> list[tuple[str, str | bytes]]:
        """What the client sent along."""


@dataclass(frozen=True, slots=True)
class Unary:
    """A method of one request and one answer.

    `lanes` takes a serialized request together with others of its kind; false if it is none. `at_once` takes a request, serialized
    and not, whose serialized answer, or why there is none, it tells now or a little later, without a task; false if the request is for
    `function`.
    """

    function: Callable[[Any, Context], Awaitable[Any]]
    request_type: Any
    at_once: Callable[[bytes, Any, Context, Told], bool] | None = None
    lanes: Callable[[bytes, Receiver], bool] | None = None


class Conversation(Protocol):
    """One call of a method whose messages come and go as they like."""

    def received(self, request: Any) -> None:
        """The client has sent a message."""

    def ended(self) -> None:
        """The client sends no more."""

    def closed(self) -> None:
        """The call is over, however it ended."""


@dataclass(frozen=True, slots=True)
class Streaming:
    """A method that makes conversations."""

    open: Callable[[Talk], Conversation]
    request_type: Any


Method = Unary | Streaming


class _Call:
    """What both kinds have in common: a deadline, an end."""

    __slots__ = ("_assembler", "_deadline", "_has_begun", "_intake", "_loop", "_request", "_stream", "_timer")

    def __init__(self, stream: Stream, request: Request, intake: Intake, timeout: float | None) -> None:
        self._stream: Stream | None = stream
        self._request = request
        self._intake = intake
        self._loop = intake.loop
        self._assembler: Assembler | None = None
        self._has_begun = False
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = None if timeout is None else self._loop.time() + timeout

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline; None if it set none."""
        return None if self._deadline is None else self._deadline - self._loop.time()

    def metadata(self) -> list[tuple[str, str | bytes]]:
        """What the client sent along."""
        return framing.metadata(self._request.all)

    def fail(self, code: Code, text: str, *, is_early: bool = False) -> None:
        """Ends the call with a status; does nothing if it has ended."""
        if self._stream is not None:
            self._end(statuses.trailers(code, text, is_whole=not self._has_begun, is_early=is_early))

    def _end(self, trailers: bytes) -> None:
        stream = self._stream
        if stream is not None:
            self._close()
            stream.finish(trailers)

    def aborted(self) -> None:
        """The client is gone."""
        self._close()

    def expired(self) -> None:
        """The request was not whole in time."""
        self.fail(Code.DEADLINE_EXCEEDED, _BODY_LATE)

    def stopping(self) -> None:
        """The server takes no more calls; this one may end by itself."""

    def cut(self) -> None:
        """The server stops."""
        self.fail(Code.UNAVAILABLE, _STOPPING)

    def _assembled(self, data: bytes) -> list[bytes]:
        if self._assembler is None:
            self._assembler = Assembler(self._intake, self._request.fields.get(b"grpc-encoding", b"identity"))
        return self._assembler.feed(data)

    def _late(self) -> None:
        self.fail(Code.DEADLINE_EXCEEDED, _TOO_LATE)

    def _watch_deadline(self) -> None:
        if self._deadline is not None:
            self._timer = self._loop.call_at(self._deadline, self._late)

    def _close(self) -> None:
        self._stream = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._assembler is not None:
            self._assembler.close()


class UnaryCall(_Call):
    """A call of a unary method."""

    __slots__ = ("_kept_bytes", "_message", "_method", "_task")

    def __init__(self, method: Unary, stream: Stream, request: Request, intake: Intake, timeout: float | None) -> None:
        super().__init__(stream, request, intake, timeout)
        self._method = method
        self._message: bytes | None = None
        self._kept_bytes = 0
        self._task: asyncio.Task[None] | None = None

    def received(self, data: bytes, *, is_last: bool) -> None:
        """A part of the message, or all of it, has come."""
        if is_last and self._assembler is None and len(data) >= framing.PREFIX_BYTES:
            flag, size = _PREFIX(data)
            if flag == 0 and size == len(data) - framing.PREFIX_BYTES <= self._intake.most_message_bytes:
                self._run(data[framing.PREFIX_BYTES :])
                return
        try:
            self._gather(data, is_last=is_last)
        except StatusError as refused:
            self.fail(refused.code, str(refused))

    def _gather(self, data: bytes, *, is_last: bool) -> None:
        for message in self._assembled(data):
            if self._message is not None:
                raise StatusError(Code.INTERNAL, "a unary call takes one message, got more")
            self._message = message
        if not is_last:
            self._keep()
            return
        if self._message is None or (self._assembler is not None and self._assembler.is_partial):
            raise StatusError(Code.INTERNAL, "the request ends before its message does")
        message = self._message
        self._drop()
        self._run(message)

    def _keep(self) -> None:
        """Counts a message that is whole while the client says nothing of the end: inflated, it may be large."""
        if self._message is not None and not self._kept_bytes:
            self._kept_bytes = len(self._message)
            self._intake.hold(self._kept_bytes)

    def _drop(self) -> None:
        self._intake.let_go(self._kept_bytes)
        self._kept_bytes = 0
        self._message = None

    def _run(self, message: bytes) -> None:
        if self._deadline is not None and self._deadline <= self._loop.time():
            self._late()
            return
        lanes = self._method.lanes
        if lanes is not None:
            self._message = message
            if lanes(message, self):
                return
            self._message = None
        self._run_alone(message)

    def answered(self, message: bytes) -> None:
        """A lane has an answer. It comes so soon that no timer watches the deadline meanwhile."""
        self._message = None
        if self._deadline is not None and self._deadline <= self._loop.time():
            self._late()
        else:
            self._succeed(message)

    def passed_over(self) -> None:
        """A lane has none."""
        message, self._message = self._message, None
        if message is not None and self._stream is not None:
            self._run_alone(message)

    def _run_alone(self, message: bytes) -> None:
        try:
            request = self._method.request_type.FromString(message)
        except DecodeError:
            self.fail(Code.INTERNAL, f"the message is no {self._method.request_type.DESCRIPTOR.full_name}")
            return
        at_once = self._method.at_once
        if at_once is None or not at_once(message, request, self, self._told):
            self._task = eager.start(self._loop, self._answer(request))
            if self._task is None:
                return
        if self._stream is not None:
            self._watch_deadline()

    def _told(self, answer: bytes | RuntimeFault) -> None:
        if isinstance(answer, bytes):
            self._succeed(answer)
            return
        code = code_of(answer)
        self.fail(code, str(answer), is_early=code in statuses.BUSY)

    async def _answer(self, request: Any) -> None:
        try:
            answer = await self._method.function(request, self)
            self._succeed(answer.SerializeToString())
        except RuntimeFault as fault:
            self._told(fault)
        except StatusError as status:
            self.fail(status.code, str(status))
        except Exception:  # noqa: BLE001 - the rim: whatever it is, the client gets an answer and the log the cause
            _log.exception("a call failed in a way that was not foreseen")
            self.fail(Code.INTERNAL, "internal error: see the server's log")

    def _succeed(self, message: bytes) -> None:
        stream = self._stream
        if stream is None:
            return
        most = self._intake.most_message_bytes
        if len(message) > most:
            text = f"SERVER: Sent message larger than max ({len(message)} vs. {most})"
            self.fail(Code.RESOURCE_EXHAUSTED, text)
            return
        self._task = None
        self._close()
        stream.answer(statuses.BEGINNING, framing.prefixed(message), statuses.OK)

    def _close(self) -> None:
        super()._close()
        self._drop()
        task, self._task = self._task, None
        if task is not None:
            # in the next turn, since a task that has not taken a step yet would not let its coroutine know
            self._loop.call_soon(task.cancel)


class Talk(_Call):
    """A call of a streaming method."""

    __slots__ = ("_conversation", "_method")

    def __init__(
        self, method: Streaming, stream: Stream, request: Request, intake: Intake, timeout: float | None
    ) -> None:
        super().__init__(stream, request, intake, timeout)
        self._method = method
        self._conversation: Conversation | None = method.open(self)
        stream.due = None
        self._watch_deadline()

    def received(self, data: bytes, *, is_last: bool) -> None:
        """A part of the conversation has come."""
        conversation, stream = self._conversation, self._stream
        if conversation is None or stream is None:
            return
        try:
            for message in self._assembled(data):
                conversation.received(self._method.request_type.FromString(message))
        except StatusError as refused:
            self.fail(refused.code, str(refused))
        except DecodeError:
            self.fail(Code.INTERNAL, f"a message is no {self._method.request_type.DESCRIPTOR.full_name}")
        is_partial = self._assembler is not None and self._assembler.is_partial
        if is_last and is_partial:
            self.fail(Code.INTERNAL, "the request ends before its message does")
        elif is_last:
            conversation.ended()
        elif not is_partial:
            stream.due = None
        elif stream.due is None:
            stream.due = self._loop.time() + self._intake.body_seconds

    def send(self, message: Any) -> None:
        """Sends a message, if the call has not ended."""
        if self._stream is None:
            return
        if not self._has_begun:
            self._has_begun = True
            self._stream.begin(statuses.BEGINNING)
        self._stream.send(framing.prefixed(message.SerializeToString()))

    def finish(self) -> None:
        """Ends the call well."""
        self._end(statuses.OK if self._has_begun else statuses.EMPTY)

    def stopping(self) -> None:
        """The server takes no more calls, and this one could go on for ever."""
        self.cut()

    def _close(self) -> None:
        super()._close()
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.closed()
