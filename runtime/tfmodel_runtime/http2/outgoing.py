"""What a connection sends: within the client's windows, in frames as large as it takes, in as few writes as can be.

A body that does not fit into the windows waits in its stream; streams take turns, a frame each. What is sent while input is
handled leaves as one write.
"""

from asyncio import Transport
from collections.abc import Callable

from tfmodel_runtime.http2.delayed import Delayed
from tfmodel_runtime.http2.frames import (
    DATA,
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    HEAD,
    HEADERS,
    LEAST_FRAME_BYTES,
    MOST_WINDOW,
    NUMBER,
    ConnectionFault,
    ErrorCode,
    StreamFault,
    head,
    rst_stream,
    stem,
    window_update,
)
from tfmodel_runtime.http2.stream import Stream

_SMALL_BYTES = 1024
_MOST_FRAME_BYTES = 2**16
_LAST = END_HEADERS | END_STREAM


class Outgoing:
    """The sending side of one connection. `finished` is told of each stream whose answer is sent, `dribbled` of tiny frames."""

    def __init__(
        self,
        transport: Transport,
        now: Callable[[], float],
        finished: Callable[[Stream], None],
        dribbled: Callable[[], None],
        stream_window: int,
        delayed: Delayed,
    ) -> None:
        self._transport = transport
        self._now = now
        self._finished = finished
        self._dribbled = dribbled
        self._stream_window = stream_window
        self._delayed = delayed
        self._corked: list[bytes] | None = None
        self._late = b""
        """Frames that wait for others to leave with."""
        self._queue: dict[Stream, None] = {}
        """Streams whose bodies wait and whose windows are open, in turn."""
        self.paused_at: float | None = None
        """Since when the socket takes no more."""
        self.window = DEFAULT_WINDOW
        self.initial_window = DEFAULT_WINDOW
        self.frame_bytes = LEAST_FRAME_BYTES

    def write(self, data: bytes) -> None:
        """Sends frames as they are."""
        if self._late:
            data, self._late = self._late + data, b""
        if self._corked is None:
            self._transport.write(data)
        else:
            self._corked.append(data)

    def write_late(self, data: bytes) -> None:
        """Sends frames with what is sent next, or alone in a few milliseconds."""
        if not self._late:
            self._delayed.add(self._flush)
        self._late += data

    def _flush(self) -> None:
        if self._late and not self._transport.is_closing():
            self.write(b"")

    def cork(self) -> None:
        """Gathers what is written until `uncork`."""
        self._corked = []

    def uncork(self) -> None:
        """Writes what was gathered."""
        gathered, self._corked = self._corked, None
        if gathered:
            self._transport.write(gathered[0] if len(gathered) == 1 else b"".join(gathered))

    def answer(self, stream: Stream, start: bytes, body: bytes, tail: bytes) -> None:
        """Sends header block, body and trailers; all at once if the windows allow it."""
        size, number = len(body), stream.number
        if self.paused_at is None and size <= self.frame_bytes and size <= self.window and size <= stream.send_window:
            self.window -= size
            named = NUMBER.pack(number)
            before, after = stem(len(start), HEADERS, END_HEADERS), stem(len(tail), HEADERS, _LAST)
            of_body = HEAD.pack(size >> 8, size & 0xFF, DATA, 0, number)
            self.write(b"".join((before, named, start, of_body, body, after, named, tail)))
            self._finished(stream)
        else:
            self.headers(stream, start, is_last=False)
            self.body(stream, body)
            stream.finish(tail)

    def headers(self, stream: Stream, block: bytes, *, is_last: bool) -> None:
        """Sends a header block."""
        self.write(head(len(block), HEADERS, _LAST if is_last else END_HEADERS, stream.number) + block)
        if is_last:
            self._finished(stream)

    def body(self, stream: Stream, data: bytes) -> None:
        """Sends a part of a body, or lets it wait."""
        if not data:
            return
        if not stream.waiting:
            stream.stalled_at = self._now()
        stream.waiting.append(memoryview(data))
        stream.waiting_bytes += len(data)
        self.open(stream)

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        """Ends a stream."""
        self.forget(stream)
        self.write(rst_stream(stream.number, code))
        stream.is_ended = True
        self._finished(stream)

    def forget(self, stream: Stream) -> None:
        """Drops what a stream has still to send."""
        self._queue.pop(stream, None)
        stream.waiting.clear()
        stream.waiting_bytes = 0

    def open(self, stream: Stream) -> None:
        """A stream has something to send, and may have a window for it."""
        if stream.waiting and stream.send_window > 0:
            self._queue[stream] = None
            self.pump()

    def pump(self) -> None:
        """Sends what waits and may go."""
        while self._queue and self.window > 0 and self.paused_at is None:
            stream = next(iter(self._queue))
            del self._queue[stream]
            if stream.send_window > 0:  # the client may have narrowed it since
                self._send_frame(stream)
            if stream.waiting and stream.send_window > 0:
                self._queue[stream] = None

    def _send_frame(self, stream: Stream) -> None:
        first = stream.waiting[0]
        size = min(len(first), self.frame_bytes, self.window, stream.send_window)
        if size == len(first):
            del stream.waiting[0]
        else:
            stream.waiting[0] = first[size:]
            if size < _SMALL_BYTES:
                self._dribbled()
        stream.waiting_bytes -= size
        self.window -= size
        stream.send_window -= size
        stream.stalled_at = self._now()
        frame = b"".join((head(size, DATA, 0, stream.number), first[:size]))
        if self._corked:
            self._transport.write(b"".join(self._corked))
            self._corked.clear()
        self._transport.write(frame)
        if not stream.waiting and stream.tail is not None:
            self.headers(stream, stream.tail, is_last=True)
        elif stream.ungranted:
            self.grant(stream)

    def grant(self, stream: Stream) -> None:
        """Lets the client send more of a stream, unless it does not take what it is answered."""
        if stream.ungranted >= self._stream_window // 2 and not stream.is_backed_up:
            self.write(window_update(stream.number, stream.ungranted))
            stream.ungranted = 0

    def widen(self, stream: Stream | None, number: int, increment: int) -> None:
        """The client takes so many bytes more, of a stream, or of the connection if the number is 0.

        Raises:
            ConnectionFault, StreamFault: that would be more than a window can be, or nothing.
        """
        if number == 0:
            if increment == 0:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a window is widened by nothing")
            if self.window + increment > MOST_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window is too large")
            self.window += increment
            self.pump()
        elif increment == 0:
            raise StreamFault(number, ErrorCode.PROTOCOL_ERROR, "a window is widened by nothing")
        elif stream is not None:
            if stream.send_window + increment > MOST_WINDOW:
                raise StreamFault(number, ErrorCode.FLOW_CONTROL_ERROR, "a window is too large")
            stream.send_window += increment
            self.open(stream)

    def resize(self, streams: list[Stream], size: int) -> None:
        """The client's streams begin with windows of another size; those that are open grow or shrink by the difference.

        What may go now is sent by `open`.

        Raises:
            ConnectionFault: a window would be too large.
        """
        difference = size - self.initial_window
        self.initial_window = size
        for stream in streams:
            if stream.send_window + difference > MOST_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window is too large")
            stream.send_window += difference

    def allow_frames(self, size: int) -> None:
        """The client takes frames of that size; larger ones than 64 KiB would only make others wait."""
        self.frame_bytes = min(size, _MOST_FRAME_BYTES)

    def pause(self) -> None:
        """The socket takes no more."""
        self.paused_at = self._now()

    def resume(self) -> None:
        """The socket takes more."""
        self.paused_at = None
        self.pump()
