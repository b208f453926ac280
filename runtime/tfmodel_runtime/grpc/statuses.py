"""How an answer of gRPC begins and ends: header blocks, most of them made once."""

from collections.abc import Iterable

from tfmodel_runtime.grpc.framing import ACCEPTED, percent_encoded
from tfmodel_runtime.http2.header_blocks import Field, encode
from tfmodel_runtime.statuses import Code

_MOST_TEXT_BYTES = 1024
_COME_AGAIN = (b"grpc-retry-pushback-ms", b"1000")
_BEGINNING = ((b":status", b"200"), (b"content-type", b"application/grpc"), ACCEPTED)

BUSY = (Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED)
"""Codes of a server that has too much to do, or nothing loaded yet."""
BEGINNING = encode(_BEGINNING)
"""The header block before messages."""
OK = encode([(b"grpc-status", b"0")])
"""The trailers of a call that succeeded."""
EMPTY = encode([*_BEGINNING, (b"grpc-status", b"0")])
"""A call that succeeded without a message."""
NO_GRPC = encode([(b":status", b"415"), (b"content-type", b"text/plain")])
"""The answer to a request that is none of gRPC's."""


class StatusError(Exception):
    """Ends a call with a status."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


def told(text: str) -> str:
    """A text as TensorFlow Serving sends it: at most 1024 bytes and a mark (grpc_status_util.cc)."""
    encoded = text.encode("utf-8", errors="replace")
    if len(encoded) <= _MOST_TEXT_BYTES:
        return text
    return encoded[:_MOST_TEXT_BYTES].decode("utf-8", errors="ignore") + "...TRUNCATED"


def trailers(code: Code, text: str, *, is_whole: bool, is_early: bool = False) -> bytes:
    """The end of a call that failed; `is_whole` if nothing was sent before it.

    A client that came too early is told when to try again (gRPC's retry design, A6).
    """
    return encode([*(_BEGINNING if is_whole else ()), *_status(code, text), *([_COME_AGAIN] if is_early else ())])


def _status(code: Code, text: str) -> Iterable[Field]:
    yield b"grpc-status", b"%d" % code
    if text:
        yield b"grpc-message", percent_encoded(told(text))
