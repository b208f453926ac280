"""Frames that are about a connection or a stream and carry nothing of a request (RFC 9113, sections 6.3 to 6.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmodel_runtime.http2 import frames
from tfmodel_runtime.http2.frames import (
    ACK,
    GOAWAY,
    LEAST_FRAME_BYTES,
    MOST_FRAME_BYTES,
    MOST_STREAM,
    MOST_WINDOW,
    NO_STREAM,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    ConnectionFault,
    ErrorCode,
    Setting,
    StreamFault,
)

if TYPE_CHECKING:
    from tfmodel_runtime.http2.connection import Connection

DRAIN_PING = b"draining"
_OF_CONNECTION = frozenset({SETTINGS, PING, GOAWAY})
_SIZES = {PING: 8, RST_STREAM: 4, WINDOW_UPDATE: 4}
_PRIORITY_BYTES = 5
_LEAST_GOAWAY_BYTES = 8


def handle(connection: Connection, kind: int, payload: bytes, flags: int, number: int) -> None:
    """Does what a frame asks for; unknown kinds are passed over.

    Raises:
        ConnectionFault, StreamFault: it breaks the protocol.
    """
    if kind not in _HANDLERS:
        if kind <= frames.CONTINUATION:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a client may not push")
        connection.spend()
        return
    if (kind in _OF_CONNECTION) != (number == NO_STREAM) and kind != WINDOW_UPDATE:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame for a stream, or for none, that may not be")
    if len(payload) != _SIZES.get(kind, len(payload)):
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame of another size than its kind has")
    _HANDLERS[kind](connection, payload, flags, number)


def _on_window_update(connection: Connection, payload: bytes, _flags: int, number: int) -> None:
    if number != NO_STREAM and connection.is_idle_stream(number):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE for a stream that was not begun")
    increment: int = frames.NUMBER.unpack(payload)[0] & MOST_STREAM
    connection.outgoing.widen(connection.streams.get(number), number, increment)


def _on_ping(connection: Connection, payload: bytes, flags: int, _number: int) -> None:
    if flags & ACK:
        connection.pinged_at = None
        if payload == DRAIN_PING and connection.draining_since is not None:
            connection.drained()
    else:
        connection.spend()
        # clients of gRPC ping with every answer, to learn how much may be under way, and wait for nothing
        connection.outgoing.write_late(frames.ping(payload, is_ack=True))


def _on_rst_stream(connection: Connection, _payload: bytes, _flags: int, number: int) -> None:
    if connection.is_idle_stream(number):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "RST_STREAM for a stream that was not begun")
    connection.spend()
    stream = connection.streams.get(number)
    if stream is not None:
        connection.gone(stream)


def _on_settings(connection: Connection, payload: bytes, flags: int, _number: int) -> None:
    if flags & ACK:
        if payload:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement with settings")
        if not connection.is_established:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is no SETTINGS")
        return
    if len(payload) % frames.SETTING.size:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a part of a setting")
    if connection.is_established:
        connection.spend()
    connection.is_established = True
    # the last of each name, since a frame has room for thousands and each may mean work for every stream
    for name, value in dict(frames.SETTING.iter_unpack(payload)).items():
        _apply(connection, name, value)
    connection.outgoing.write(frames.SETTINGS_ACK)
    for stream in list(connection.streams.values()):
        connection.outgoing.open(stream)


def _apply(connection: Connection, name: int, value: int) -> None:
    if name == Setting.ENABLE_PUSH and value > 1:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is 0 or 1")
    if name == Setting.INITIAL_WINDOW_SIZE:
        if value > MOST_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window is too large")
        connection.outgoing.resize(list(connection.streams.values()), value)
    elif name == Setting.MAX_FRAME_SIZE:
        if not LEAST_FRAME_BYTES <= value <= MOST_FRAME_BYTES:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE is out of range")
        connection.outgoing.allow_frames(value)


def _on_goaway(_connection: Connection, payload: bytes, _flags: int, _number: int) -> None:
    """The client opens no more streams; those that are open end as ever, and it closes the connection itself."""
    if len(payload) < _LEAST_GOAWAY_BYTES:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame of another size than its kind has")


def _on_priority(connection: Connection, payload: bytes, _flags: int, number: int) -> None:
    if len(payload) != _PRIORITY_BYTES:
        raise StreamFault(number, ErrorCode.FRAME_SIZE_ERROR, "a frame of another size than its kind has")
    if frames.depends_on(payload, 0, 0) == number:
        raise StreamFault(number, ErrorCode.PROTOCOL_ERROR, "a stream depends on itself")
    connection.spend()


_HANDLERS = {
    PRIORITY: _on_priority,
    RST_STREAM: _on_rst_stream,
    SETTINGS: _on_settings,
    PING: _on_ping,
    GOAWAY: _on_goaway,
    WINDOW_UPDATE: _on_window_update,
}
