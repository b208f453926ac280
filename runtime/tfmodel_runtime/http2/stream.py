"""A stream: one request and its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tfmodel_runtime.http2.frames import ErrorCode

if TYPE_CHECKING:
    from tfmodel_runtime.http2.outgoing import Outgoing

_BACKED_UP_BYTES = 2**20


class Receiver(Protocol):
    """Who answers a request."""

    def received(self, data: bytes, *, is_last: bool) -> None:
        """A part of the body has come; after the last no more will."""

    def aborted(self) -> None:
        """The stream is gone before the answer was whole: nobody wants it any more."""

    def expired(self) -> None:
        """The request was not whole in time."""

    def stopping(self) -> None:
        """The server stops taking requests: what would go on for ever ends now."""

    def cut(self) -> None:
        """The server stops: an answer is due now or never."""


class Stream:
    """One request of a connection, with what waits for the client to take it.

    `is_ended` says that the request is whole, `is_answered` that nothing more will be sent than what waits.
    """

    __slots__ = (
        "body_bytes",
        "due",
        "expected_bytes",
        "is_answered",
        "is_ended",
        "number",
        "outgoing",
        "receiver",
        "send_window",
        "stalled_at",
        "tail",
        "ungranted",
        "waiting",
        "waiting_bytes",
    )

    def __init__(self, outgoing: Outgoing, number: int, due: float) -> None:
        self.outgoing = outgoing
        self.number = number
        self.send_window = outgoing.initial_window
        self.due: float | None = due
        """When the request must be whole; None if it is, or need not be."""
        self.receiver: Receiver | None = None
        self.is_ended = False
        self.is_answered = False
        self.body_bytes = 0
        """Bytes of the request so far."""
        self.expected_bytes: int | None = None
        self.ungranted = 0
        """Bytes that came and that the client was not yet allowed to send again."""
        self.waiting: list[memoryview] = []
        self.waiting_bytes = 0
        self.tail: bytes | None = None
        """Trailers, as a header block, that follow what waits."""
        self.stalled_at = 0.0
        """Since when the client takes nothing of what waits."""

    @property
    def is_backed_up(self) -> bool:
        """Whether so much waits to be taken that the client should not ask for more."""
        return self.waiting_bytes > _BACKED_UP_BYTES

    def answer(self, head: bytes, body: bytes, tail: bytes) -> None:
        """Sends a whole answer: a header block, a body, a block of trailers."""
        self.is_answered = True
        self.outgoing.answer(self, head, body, tail)

    def begin(self, head: bytes) -> None:
        """Sends a header block, to be followed by `send` and `finish`."""
        self.outgoing.headers(self, head, is_last=False)

    def send(self, body: bytes) -> None:
        """Sends a part of a body."""
        self.outgoing.body(self, body)

    def finish(self, tail: bytes) -> None:
        """Sends trailers after what waits, or the only header block of an answer without a body."""
        self.is_answered = True
        if self.waiting:
            self.tail = tail
        else:
            self.outgoing.headers(self, tail, is_last=True)

    def reset(self, code: ErrorCode) -> None:
        """Ends the stream without an answer, or in the midst of one."""
        self.is_answered = True
        self.outgoing.reset(self, code)
