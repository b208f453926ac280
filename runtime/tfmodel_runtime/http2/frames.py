"""Frames as bytes: their kinds, flags and error codes, and how those that a server sends are written (RFC 9113, sections 4 and 6)."""

from collections.abc import Mapping
from enum import IntEnum
from functools import cache
from struct import Struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES = 9
LEAST_FRAME_BYTES = 2**14
"""Largest payload that every peer takes, and that is sent to those who allow more, too."""
MOST_FRAME_BYTES = 2**24 - 1
MOST_WINDOW = 2**31 - 1
MOST_STREAM = 2**31 - 1
DEFAULT_WINDOW = 2**16 - 1
NO_STREAM = 0

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20

HEAD = Struct(">HBBBI")
"""Length in two parts, kind, flags, stream."""
NUMBER = Struct(">I")
SETTING = Struct(">HI")
_TWO = Struct(">II")
_PRIORITY_BYTES = 5
_LIKE_BYTES = 6
"""Kind, flags and stream, at the end of a frame's head."""


class Setting(IntEnum):
    """Settings that a peer may tell (section 6.5.2)."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class ErrorCode(IntEnum):
    """Why a stream or a connection ends (section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class ConnectionFault(Exception):  # noqa: N818 - the peer's fault, which ends the connection
    """What a peer did that ends the connection: a code and a text for whoever debugs it."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class StreamFault(Exception):  # noqa: N818 - as above
    """What a peer did that ends one stream."""

    def __init__(self, stream: int, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.stream = stream
        self.code = code


@cache
def stem(length: int, kind: int, flags: int) -> bytes:
    """The five bytes before a stream's number, of frames whose payload is made once."""
    return HEAD.pack(length >> 8, length & 0xFF, kind, flags, 0)[:5]


def head(length: int, kind: int, flags: int, stream: int) -> bytes:
    """The nine bytes before a payload."""
    return HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream)


def settings(values: Mapping[Setting, int]) -> bytes:
    """A SETTINGS frame."""
    payload = b"".join(SETTING.pack(name, value) for name, value in values.items())
    return head(len(payload), SETTINGS, 0, NO_STREAM) + payload


SETTINGS_ACK = head(0, SETTINGS, ACK, NO_STREAM)


def ping(payload: bytes, *, is_ack: bool) -> bytes:
    """A PING frame; the payload has eight bytes."""
    return head(8, PING, ACK if is_ack else 0, NO_STREAM) + payload


def window_update(stream: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame."""
    return head(4, WINDOW_UPDATE, 0, stream) + NUMBER.pack(increment)


def rst_stream(stream: int, code: int) -> bytes:
    """A RST_STREAM frame."""
    return head(4, RST_STREAM, 0, stream) + NUMBER.pack(code)


def goaway(last_stream: int, code: int, text: str = "") -> bytes:
    """A GOAWAY frame; the text is for whoever debugs."""
    debug = text.encode()
    return head(8 + len(debug), GOAWAY, 0, NO_STREAM) + _TWO.pack(last_stream, code) + debug


def run_of_data(data: bytes, begin: int, end: int, flags: int, most: int) -> tuple[bytes, int]:
    """The payload of a DATA frame, if it has no flags with those of its like that follow it, and where the last one ends.

    Large messages come in frames of 16 KiB one after the other. One that is empty, larger than `most` or not whole ends the run.
    """
    like, size = data[begin - _LIKE_BYTES : begin], len(data)
    if flags or begin == end or data[end + HEADER_BYTES - _LIKE_BYTES : end + HEADER_BYTES] != like:
        return data[begin:end], end
    view = memoryview(data)
    parts = [view[begin:end]]
    while data[end + HEADER_BYTES - _LIKE_BYTES : end + HEADER_BYTES] == like:
        high, low, _, _, _ = HEAD.unpack_from(data, end)
        length = high << 8 | low
        after = end + HEADER_BYTES + length
        if not 0 < length <= most or after > size:
            break
        parts.append(view[end + HEADER_BYTES : after])
        end = after
    return b"".join(parts), end


def unpadded(data: bytes, begin: int, end: int, flags: int) -> tuple[int, int]:
    """Where the content of a DATA or HEADERS payload begins and ends, without padding and priority.

    Raises:
        ConnectionFault: there is more padding than payload.
    """
    if flags & PADDED:
        padding = data[begin] if begin < end else end
        begin, end = begin + 1, end - padding
    if flags & WITH_PRIORITY:
        begin += _PRIORITY_BYTES
    if begin > end:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "more padding than payload")
    return begin, end


def depends_on(data: bytes, begin: int, flags: int) -> int:
    """The stream that a HEADERS payload with priority depends on."""
    place = begin + 1 if flags & PADDED else begin
    dependency: int = NUMBER.unpack_from(data, place)[0]
    return dependency & MOST_STREAM
