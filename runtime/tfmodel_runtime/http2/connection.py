"""A connection of a client: frames come in, streams begin, grow and end (RFC 9113, sections 5 and 6).

What breaks the protocol ends the stream or the connection with the code that the RFC names. What is allowed but of no use, such as
pings, resets and empty frames, is let pass as long as the client's patience budget lasts.
"""

import asyncio
import logging
from collections import deque
from typing import cast

from tfmodel_runtime.http2 import control, frames, preface
from tfmodel_runtime.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    MOST_STREAM,
    PADDED,
    PREFACE,
    SETTINGS,
    WITH_PRIORITY,
    ConnectionFault,
    ErrorCode,
    StreamFault,
)
from tfmodel_runtime.http2.header_blocks import Decoder, Field, TooLargeError
from tfmodel_runtime.http2.limits import Patience
from tfmodel_runtime.http2.outgoing import Outgoing
from tfmodel_runtime.http2.request import MalformedError, Request, check_trailers, request_of, varied
from tfmodel_runtime.http2.shared import Shared
from tfmodel_runtime.http2.stream import Stream

_log = logging.getLogger(__name__)
_LATELY = 256
_WRITE_BUFFER_BYTES = 2**18
_MOST_CONTINUATIONS = 16


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._loop = asyncio.get_running_loop()
        self.opened_at = self.heard_at = self.idle_since = self._loop.time()
        self._rest = b""
        self._is_begun = False
        """Whether the client's preface has come; its SETTINGS must be next."""
        self.is_established = False
        self.streams: dict[int, Stream] = {}
        self._last = 0
        """The newest stream that the client began."""
        self._last_taken = MOST_STREAM
        """The newest stream that is taken, which GOAWAY tells."""
        self._lately: deque[int] = deque(maxlen=_LATELY)
        """Streams that ended here before the client ended them, so that more of them may be under way."""
        self._decoder = Decoder(shared.limits.header_list_bytes)
        self._block: list[bytes] = []
        """Parts of a header block that goes on in the next frame; without one, empty."""
        self._block_of = (0, 0)
        self.block_since: float | None = None
        self._request: Request | None = None
        self._ungranted = 0
        self._patience = Patience(self._limits.patience, self._limits.patience_each_second, self.opened_at)
        self.pinged_at: float | None = None
        self.draining_since: float | None = None
        self.closing_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come; more clients than allowed are sent away."""
        self.transport = cast("asyncio.Transport", transport)
        self.outgoing = Outgoing(
            self.transport,
            self._loop.time,
            self._finished,
            self._dribbled,
            self._limits.stream_window,
            self._shared.delayed,
        )
        self.transport.set_write_buffer_limits(_WRITE_BUFFER_BYTES)
        self._shared.connections.add(self)
        if len(self._shared.connections) > self._limits.connections:
            self.close(ErrorCode.ENHANCE_YOUR_CALM, "too many connections")

    def connection_lost(self, _exc: Exception | None) -> None:
        """The client is gone, and with it the interest in what it asked."""
        self._shared.connections.discard(self)
        if not self._shared.connections:
            self._shared.is_empty.set()
        self.closing_since = self.closing_since or self._loop.time()
        streams = list(self.streams.values())
        self.streams.clear()
        for stream in streams:
            if stream.receiver is not None and not stream.is_answered:
                stream.receiver.aborted()

    def pause_writing(self) -> None:
        """The client takes answers slower than they are written: it must take some before it asks for more."""
        self.outgoing.pause()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """The client has taken what was written."""
        self.outgoing.resume()
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if self.closing_since is not None:
            return
        self.heard_at = self._loop.time()
        outgoing = self.outgoing
        outgoing.cork()
        try:
            self._read(self._rest + data if self._rest else data)
        except ConnectionFault as fault:
            _log.info("a connection ends: %s", fault)
            self.close(fault.code, str(fault))
        finally:
            outgoing.uncork()

    def _read(self, data: bytes) -> None:
        place, size = 0, len(data)
        if not self._is_begun:
            place = self._preface(data)
            if not self._is_begun:
                self._rest = data
                return
        unpack, most = frames.HEAD.unpack_from, self._limits.frame_bytes
        while size - place >= frames.HEADER_BYTES and self.closing_since is None:
            high, low, kind, flags, number = unpack(data, place)
            length = high << 8 | low
            if length > most:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame is larger than allowed")
            begin = place + frames.HEADER_BYTES
            place_after = begin + length
            if place_after > size:
                break
            place = place_after
            number &= MOST_STREAM
            try:
                if kind == DATA and not self._block and self.is_established:
                    run, place = frames.run_of_data(data, begin, place, flags, most)
                    self._on_data(run, flags, number)
                elif kind == HEADERS and not self._block and self.is_established:
                    self._on_headers(data, begin, place, flags, number)
                else:
                    self._on_other(kind, data[begin:place], flags, number)
            except StreamFault as fault:
                self.end(fault)
        self._rest = data[place:] if place < size else b""

    def _preface(self, data: bytes) -> int:
        if data.startswith(PREFACE):
            self._is_begun = True
            self.outgoing.write(preface.greeting(self._limits))
            return len(PREFACE)
        if not PREFACE.startswith(data[: len(PREFACE)]):
            if not preface.is_of_http1(data):
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "this is no HTTP/2")
            self.outgoing.write(preface.NO_HTTP1)
            self._leave()
        return 0

    def _on_headers(self, data: bytes, begin: int, end: int, flags: int, number: int) -> None:
        depends_on = 0
        if flags & (PADDED | WITH_PRIORITY):
            if flags & WITH_PRIORITY and end - begin >= frames.NUMBER.size + 1:
                depends_on = frames.depends_on(data, begin, flags)
            begin, end = frames.unpadded(data, begin, end, flags)
        if number & 1 == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "clients' streams have odd numbers")
        if flags & END_HEADERS:
            self._headers(data[begin:end], number, is_last=bool(flags & END_STREAM))
        else:
            self._block = [data[begin:end]]
            self._block_of = (number, flags)
            self.block_since = self.heard_at
        if depends_on == number:
            raise StreamFault(number, ErrorCode.PROTOCOL_ERROR, "a stream depends on itself")

    def _on_continuation(self, data: bytes, flags: int, number: int) -> None:
        if not self._block or number != self._block_of[0]:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of no header block")
        self._block.append(data)
        size = sum(map(len, self._block))
        if size > self._limits.header_block_bytes or len(self._block) > _MOST_CONTINUATIONS:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a header block is larger than allowed")
        if flags & END_HEADERS:
            block, self._block, self.block_since = b"".join(self._block), [], None
            self._headers(block, number, is_last=bool(self._block_of[1] & END_STREAM))

    def _headers(self, block: bytes, number: int, *, is_last: bool) -> None:
        """A header block is whole: a request begins, or trailers end it."""
        if len(block) > self._limits.header_block_bytes:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a header block is larger than allowed")
        fields: tuple[Field, ...] | None
        try:
            fields = self._decoder.decode(block)
        except TooLargeError:
            fields = None
        stream = self.streams.get(number)
        if stream is not None:
            self._trailers(stream, fields, is_last=is_last)
        elif number > self._last:
            self._last = number
            if number <= self._last_taken:
                self._start(number, fields, is_last=is_last)
        elif number not in self._lately:
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, "HEADERS for a stream that has ended")

    def _start(self, number: int, fields: tuple[Field, ...] | None, *, is_last: bool) -> None:
        if len(self.streams) >= self._limits.streams:
            self.spend()
            raise StreamFault(number, ErrorCode.REFUSED_STREAM, "more streams than allowed")
        try:
            request = None if fields is None else self._request_of(fields)
            expected = None if request is None else request.content_length
        except MalformedError as error:
            raise StreamFault(number, ErrorCode.PROTOCOL_ERROR, str(error)) from None
        if is_last and expected:
            raise StreamFault(number, ErrorCode.PROTOCOL_ERROR, "the body is not as long as content-length tells")
        stream = self.streams[number] = Stream(self.outgoing, number, self.heard_at + self._limits.body_seconds)
        stream.expected_bytes = expected
        stream.is_ended = is_last
        stream.receiver = self._shared.begin(stream, request)
        if is_last and not stream.is_answered:
            stream.due = None
            stream.receiver.received(b"", is_last=True)

    def _request_of(self, fields: tuple[Field, ...]) -> Request:
        last = self._request
        if last is None or fields is not last.all:
            self._request = last = (varied(last, fields) if last else None) or request_of(fields)
        return last

    def _trailers(self, stream: Stream, fields: tuple[Field, ...] | None, *, is_last: bool) -> None:
        if stream.is_ended:
            raise StreamFault(stream.number, ErrorCode.STREAM_CLOSED, "HEADERS after the end of a request")
        try:
            check_trailers(fields or ())
        except MalformedError as error:
            raise StreamFault(stream.number, ErrorCode.PROTOCOL_ERROR, str(error)) from None
        if not is_last:
            raise StreamFault(stream.number, ErrorCode.PROTOCOL_ERROR, "trailers that do not end the request")
        self._body(stream, b"", is_last=True)

    def _on_data(self, data: bytes, flags: int, number: int) -> None:
        begin, end = 0, len(data)
        length = end
        if flags & PADDED:
            begin, end = frames.unpadded(data, begin, end, flags & PADDED)
        stream = self.streams.get(number)
        if stream is None and (number & 1 == 0 or number > self._last):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "DATA for a stream that was not begun")
        self._ungranted += length
        if self._ungranted >= self._limits.connection_window // 2:
            self.outgoing.write(frames.window_update(frames.NO_STREAM, self._ungranted))
            self._ungranted = 0
        if stream is None:
            if number not in self._lately and number <= self._last_taken:
                raise StreamFault(number, ErrorCode.STREAM_CLOSED, "DATA for a stream that has ended")
            return
        if stream.is_ended:
            raise StreamFault(number, ErrorCode.STREAM_CLOSED, "DATA after the end of a request")
        is_last = bool(flags & END_STREAM)
        if not is_last:
            if length == 0:
                self.spend()
            stream.ungranted += length
            if stream.ungranted > self._limits.stream_window:
                raise StreamFault(number, ErrorCode.FLOW_CONTROL_ERROR, "more than the window allows")
            self.outgoing.grant(stream)
        self._body(stream, data[begin:end], is_last=is_last)

    def _body(self, stream: Stream, data: bytes, *, is_last: bool) -> None:
        stream.body_bytes += len(data)
        expected = stream.expected_bytes
        if expected is not None and (stream.body_bytes > expected or (is_last and stream.body_bytes < expected)):
            text = "the body is not as long as content-length tells"
            raise StreamFault(stream.number, ErrorCode.PROTOCOL_ERROR, text)
        if is_last:
            stream.is_ended = True
            stream.due = None
        if stream.receiver is not None and not stream.is_answered:
            stream.receiver.received(data, is_last=is_last)

    def _on_other(self, kind: int, payload: bytes, flags: int, number: int) -> None:
        """A frame that is no DATA or HEADERS, or one that comes where it may not."""
        if self._block and kind != CONTINUATION:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame within a header block")
        if not self.is_established and kind != SETTINGS:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is no SETTINGS")
        if kind == CONTINUATION:
            self._on_continuation(payload, flags, number)
        else:
            control.handle(self, kind, payload, flags, number)

    def is_idle_stream(self, number: int) -> bool:
        """Whether the client never began it."""
        return number & 1 == 0 or number > self._last

    def spend(self) -> None:
        """The client asked for something that is of no use.

        Raises:
            ConnectionFault: it has done so too often.
        """
        if not self._patience.spend(self.heard_at):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that are of no use")

    def _dribbled(self) -> None:
        """The client makes us send tiny frames."""
        if not self._patience.spend(self.heard_at):
            self.close(ErrorCode.ENHANCE_YOUR_CALM, "windows that are widened by next to nothing")

    def end(self, fault: StreamFault) -> None:
        """Ends a stream that the client broke."""
        self.spend()
        self._lately.append(fault.stream)
        stream = self.streams.get(fault.stream)
        if stream is None:
            self.outgoing.write(frames.rst_stream(fault.stream, fault.code))
            return
        self.spend()  # as much again as the end of a stream earns
        self.give_up(stream, fault.code)

    def give_up(self, stream: Stream, code: ErrorCode) -> None:
        """Ends a stream whose answer cannot be sent, and tells who answers it."""
        is_wanted = not stream.is_answered
        stream.reset(code)
        if is_wanted and stream.receiver is not None:
            stream.receiver.aborted()

    def gone(self, stream: Stream) -> None:
        """The client wants no answer any more."""
        del self.streams[stream.number]
        self.outgoing.forget(stream)
        self._tidy()
        if stream.receiver is not None and not stream.is_answered:
            stream.is_answered = True
            stream.receiver.aborted()

    def _finished(self, stream: Stream) -> None:
        """An answer is sent. A client that has not ended its request need not go on with it."""
        if self.streams.pop(stream.number, None) is None:
            return
        if not stream.is_ended:
            self._lately.append(stream.number)
            self.outgoing.write(frames.rst_stream(stream.number, ErrorCode.NO_ERROR))
        self._patience.earn()
        self._tidy()

    def _tidy(self) -> None:
        if self.streams:
            return
        self.idle_since = self.heard_at
        if self._last_taken < MOST_STREAM:
            self._leave()

    def drain(self) -> None:
        """Takes no new streams, as soon as the client can know of it (section 6.8); closes when the last has ended."""
        if self.draining_since is not None or self.closing_since is not None:
            return
        self.draining_since = self._loop.time()
        if not self.is_established:
            self.close(ErrorCode.NO_ERROR, "")
            return
        self.outgoing.write(
            frames.goaway(MOST_STREAM, ErrorCode.NO_ERROR) + frames.ping(control.DRAIN_PING, is_ack=False)
        )
        for stream in list(self.streams.values()):
            if stream.receiver is not None and not stream.is_answered:
                stream.receiver.stopping()

    def drained(self) -> None:
        """What the client began before it knew is here."""
        if self._last_taken == MOST_STREAM:
            self._last_taken = self._last
            self.outgoing.write(frames.goaway(self._last, ErrorCode.NO_ERROR))
            self._tidy()

    def close(self, code: ErrorCode, text: str) -> None:
        """Tells why and closes; nothing that comes is read any more."""
        if self.closing_since is None:
            self.outgoing.write(frames.goaway(self._last, code, text))
            self._leave()

    def _leave(self) -> None:
        if self.closing_since is None:
            self.closing_since = self._loop.time()
            self.outgoing.uncork()
            self.transport.close()
