"""A connection of the REST port: uvicorn's protocol, with bounds on what a client may take of time and memory.

A request's headers and its body must come within their times, an answer must be taken within a body's; a sweep once a second
cuts whoever is late, so that a request in time costs no timer. Connections beyond the limit are guests: health and metrics are
answered to them, and the guest that came first makes room for the one that comes last.

Plain predict requests are answered by `express` without an ASGI application; a `Trip` stands for such a request meanwhile.
"""

import json
import logging
from functools import partial
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tfmodel_runtime.rest.asgi import Answer
from tfmodel_runtime.rest.express import END_OF_HEAD, Express
from tfmodel_runtime.rest.gate import BUSY, OVER_LIMIT
from tfmodel_runtime.rest.guests import Guests, Limits
from tfmodel_runtime.rest.offers import head_without_offer
from tfmodel_runtime.rest.trip import Trip

_log = logging.getLogger(__name__)
_OK = 200
_OK_JSON = STATUS_LINE[_OK] + b"content-type: application/json\r\n"
_HEAD = _OK_JSON + b"content-length: %d\r\n\r\n"
_LAST_HEAD = _OK_JSON + b"content-length: %d\r\nconnection: close\r\n\r\n"
_NOT_PLAIN = frozenset({b"content-encoding", b"expect"})
_BAD_REQUEST, _REQUEST_TIMEOUT, _HEADERS_TOO_LARGE = 400, 408, 431


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: Any,
        app_state: dict[str, Any],
        *,
        limits: Limits,
        guests: Guests,
        express: Express | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._express = express
        self._trip: Trip | None = None
        """The request that is being received, if it may be answered by `express`."""
        self._message: bytes | None = None
        """What began with the latest data, if it may be one whole request."""
        self._pending: bytes | None = None
        """The request, as it came, whose answer a lane will give."""
        self._later = b""
        """What came after it."""
        self._head = b""
        """A known head whose body has not begun to come."""
        self._ends = False
        """Whether the connection is to be closed after the answer that is pending."""
        self._is_gone = False
        self._idle_since: float | None = None
        """Since when nothing was asked; None if a timer of uvicorn's sees to it."""
        self._limits = limits
        self._guests = guests
        self._due: float | None = None
        """When what is being received must be there: headers, or, if `_is_body`, a body. None between requests."""
        self._is_begun = False
        """Whether a part of a request is there, and more of it to come."""
        self._is_body = False
        self._is_encoded = False
        """Whether a header asks for more than the express way gives."""
        self._taken_by: float | None = None
        """When an answer must be taken, or a closing connection be closed."""
        self._header_bytes = 0
        self._unparsed_bytes = 0
        """What came since the parser last told of anything: it holds unfinished names and values."""
        self._refusal = (_BAD_REQUEST, "")

    def connection_made(self, transport: Any) -> None:
        """A client has come."""
        super().connection_made(transport)
        self._due = self.loop.time() + self._limits.header_seconds
        if 0 < self._limits.connections < len(self.connections):
            self.app_state = {**self.app_state, OVER_LIMIT: True}
            self._express = None
            self._guests.welcome(self)

    def leave_now(self) -> None:
        """Makes room for another connection."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._is_gone = True
        self._guests.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if self._pending is not None:
            self._later += data
            if len(self._later) > self._limits.header_bytes:
                self.flow.pause_reading()
            return
        if self.transport.is_closing():
            return
        if self._head:
            data, self._head = self._head + data, b""
            self._is_begun = self._is_body = False
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self._express is not None and not self._is_begun and self._takes_known(self._express, data):
            return
        self._idle_since = None
        if self._due is None:
            self._due = self.loop.time() + self._limits.header_seconds
        self._unparsed_bytes += len(data)
        self._message = None if self._is_begun else data
        self._parse(data)
        self._message = None
        if self._unparsed_bytes > self._limits.header_bytes and not self.transport.is_closing():
            self._refuse(_HEADERS_TOO_LARGE, self._too_large)

    def _takes_known(self, express: Express, data: bytes) -> bool:
        """Whether data is a request of a kind that was met before, all of it or its head; then it needs no parsing."""
        end = data.find(END_OF_HEAD) + len(END_OF_HEAD)
        known = express.heads.get(data[:end])
        if known is None or not self._is_free() or express.is_draining:
            return False
        self._idle_since = None
        if len(data) == end and known.length:
            self._head, self._due = data, self.loop.time() + self._limits.body_seconds
            self._is_begun = self._is_body = True
            return True
        if len(data) != end + known.length:
            return False
        due, self._due = self._due, None
        self._pending = data
        if known.take(data[end:], self):
            return True
        self._pending, self._due = None, due
        return False

    def _is_free(self) -> bool:
        """Whether no answer is being waited for or written."""
        return (self.cycle is None or self.cycle.response_complete) and not self.pipeline and not self.flow.write_paused

    def answered(self, message: bytes) -> None:
        """Writes the answer to the request that is pending."""
        later = self._settled()
        if self._is_gone or self.transport.is_closing():
            return
        if self._ends or (self._express is not None and self._express.is_draining):
            self.transport.write(_LAST_HEAD % len(message) + message)
            self.transport.close()
            return
        self.transport.write(_HEAD % len(message) + message)
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        if later:
            self.data_received(later)

    def passed_over(self) -> None:
        """Has the request that is pending answered the usual way. It may be the parser that is at work here, so not now."""
        self.loop.call_soon(self._take_usual_way)

    def _take_usual_way(self) -> None:
        message = self._pending or b""
        later = self._settled()
        if self._is_gone or self.transport.is_closing():
            return
        self._due = self.loop.time() + self._limits.header_seconds
        self._parse(message)
        if self._ends:
            super().shutdown()
        if later:
            self.data_received(later)

    def _settled(self) -> bytes:
        """Ends that a request is pending; what came after it."""
        later, self._pending, self._later = self._later, None, b""
        if len(later) > self._limits.header_bytes:
            self.flow.resume_reading()
        return later

    def shutdown(self) -> None:
        """Closes the connection, once the answer that is being waited for is there."""
        if self._pending is not None:
            self._ends = True
        else:
            super().shutdown()

    def on_message_begin(self) -> None:
        """A request begins. What an ASGI application is told of it is put together once it is clear that it goes to one."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._is_encoded = False
        self._due = self.loop.time() + self._limits.header_seconds
        self._is_begun, self._is_body = True, False
        self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A part of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        self._count(len(name) + len(value))
        name = name.lower()
        if name in _NOT_PLAIN:
            self._is_encoded = True
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The body begins."""
        self._unparsed_bytes = 0
        if self.parser.should_upgrade():
            return
        self._due = self.loop.time() + self._limits.body_seconds
        self._is_body = True
        if self._may_go_express():
            self.cycle: Any = Trip()
            self._trip = self.cycle
        else:
            self._trip = None
            self._hand_on()

    def _may_go_express(self) -> bool:
        return (
            self._express is not None
            and not self._is_encoded
            and self._is_free()
            and self._express.may_take(self.parser.get_method(), self.url)
            and self.parser.get_http_version() == "1.1"
        )

    def _hand_on(self) -> None:
        """Starts the ASGI application for the request whose headers are there."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def _leave_express(self, trip: Trip) -> None:
        """Hands a request on that was to be answered here, with what is there of its body."""
        self._trip = self.cycle = None
        self._hand_on()
        if trip.body:
            super().on_body(trip.body)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._unparsed_bytes = 0
        trip = self._trip
        if trip is None:
            super().on_body(body)
            return
        trip.body = trip.body + body if trip.body else body
        if self._express is None or len(trip.body) >= self._express.most_bytes:
            self._leave_express(trip)

    def on_message_complete(self) -> None:
        """A request is there as a whole."""
        self._unparsed_bytes = 0
        if self.parser.should_upgrade():
            return
        self._due = None
        self._is_begun, self._is_body = False, False
        trip, self._trip = self._trip, None
        if trip is not None and self._express is not None:
            trip.keep_alive = self.parser.should_keep_alive()
            message, self._message = self._message, None
            if message is not None and trip.keep_alive and self._takes_a_lane(self._express, message, trip):
                return
            if self._express.answer(self.url, trip.body, partial(self._tell, trip)):
                return
            self._leave_express(trip)
        super().on_message_complete()

    def _takes_a_lane(self, express: Express, message: bytes, trip: Trip) -> bool:
        """Whether a request that was parsed is of a kind that was met before. If so its head is known from now on."""
        begin = message.find(END_OF_HEAD) + len(END_OF_HEAD)
        if message[begin:] != trip.body:
            return False
        self._pending, self.cycle = message, None
        if express.take(self.url, trip.body, self):
            express.learn(self.url, message, trip.body)
            return True
        self._pending, self.cycle = None, trip
        return False

    def _tell(self, trip: Trip, answer: Answer) -> None:
        """Writes the answer to a request that went the express way."""
        trip.response_started = trip.response_complete = True
        if trip.disconnected or self.transport.is_closing():
            return
        is_last = not trip.keep_alive or (self._express is not None and self._express.is_draining)
        body = answer.body
        if answer.status == _OK and not is_last:
            self.transport.write(_HEAD % len(body) + body)
        else:
            again = b"retry-after: 1\r\n" if answer.status in BUSY else b""
            end = b"connection: close\r\n\r\n" if is_last else b"\r\n"
            head = b"content-type: %s\r\ncontent-length: %d\r\n" % (answer.content_type, len(body))
            self.transport.write(b"".join((STATUS_LINE[answer.status], head, again, end, body)))
        if is_last:
            self.transport.close()
        if self.pipeline or is_last:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        if self._is_begun:
            self.on_response_complete()

    def on_response_complete(self) -> None:
        """An answer is written; of the next request what came meanwhile was not waited for, so its time begins now."""
        allowed = self._limits.body_seconds if self._is_body else self._limits.header_seconds
        self._due = self.loop.time() + allowed if self._is_begun else None
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client takes its answer slower than it is written."""
        self._taken_by = self.loop.time() + self._limits.body_seconds
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has taken it."""
        self._taken_by = None
        super().resume_writing()

    def cut_if_late(self, now: float) -> None:
        """Ends the connection if the client has taken longer than it may."""
        if self._idle_since is not None and now > self._idle_since + self.timeout_keep_alive and not self._is_begun:
            self.transport.close()
        if self.transport.is_closing() and self._taken_by is None:
            self._taken_by = now + self._limits.body_seconds
        if self._taken_by is not None and now > self._taken_by:
            _log.info("a client takes its answer too late: it is cut off")
            self.transport.abort()
        elif self._due is not None and now > self._due and not self._is_answering():
            what = "body" if self._is_body else "headers"
            self._refuse(_REQUEST_TIMEOUT, f"the request's {what} took too long to come")

    def _parse(self, data: bytes) -> None:
        """Hands data to the parser.

        An offer to upgrade, such as Java's of HTTP/2, is not taken up. The parser would take what follows for another protocol, so
        another one is given the same request without the offer.
        """
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                if self.parser.get_method() == b"CONNECT":
                    self._refuse(_BAD_REQUEST, "this is no proxy")
                    return
                refused = head_without_offer(self.parser.get_method(), self.url, self.headers)
                data = refused + data[offer.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            except httptools.HttpParserError:
                status, text = self._refusal
                self._refuse(status, text or "Invalid HTTP request received.")
                return
            else:
                return

    def _is_answering(self) -> bool:
        """Whether the client waits for us, and not we for it."""
        is_busy = self.cycle is not None and not self.cycle.response_complete
        return bool(self.pipeline) or (is_busy and not self._is_body)

    def _count(self, size: int) -> None:
        self._unparsed_bytes = 0
        self._header_bytes += size
        if self._header_bytes > self._limits.header_bytes:
            self._refusal = (_HEADERS_TOO_LARGE, self._too_large)
            raise ValueError(self._too_large)

    @property
    def _too_large(self) -> str:
        return f"the headers are larger than {self._limits.header_bytes} bytes"

    def _refuse(self, status: int, text: str) -> None:
        """Answers, if no answer has begun, and closes."""
        is_busy = self.cycle is not None and not self.cycle.response_complete
        if not (is_busy and self.cycle.response_started):
            body = json.dumps({"error": text}).encode()
            head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINE[status] + head + body)
        if is_busy:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
