"""A web server that gives files as a test tells it: late, in part, after errors, from somewhere else."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ETAG = '"one"'


class FaultyWeb:
    """Answers /<anything> with `body`; `faults` are used up one a request, and then all is well.

    A fault is a status ("503"), "short" (half of what was asked for, then the end), "hang" (half, then nothing more), "reset",
    "redirect <address>", "endless" (no length, and no end), or "other" (the whole of another file, under another ETag).
    """

    def __init__(self, body: bytes, context: ssl.SSLContext | None = None) -> None:
        self.body = body
        self.faults: list[str] = []
        self.requests: list[dict[str, str]] = []
        self.token = ""
        self.freed = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.server.server_port}"
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.close_connection = True
                web.requests.append({"path": self.path, **dict(self.headers.items())})
                web.answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request."""
        fault, _, more = (self.faults.pop(0) if self.faults else "").partition(" ")
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            fault = "401"
        if fault.isdecimal() or fault == "redirect":
            handler.send_response(302 if fault == "redirect" else int(fault))
            handler.send_header("Content-Length", "0")
            if more:
                handler.send_header("Location", more)
            handler.end_headers()
        elif fault == "reset":
            handler.connection.close()
        elif fault == "endless":
            self._endless(handler)
        else:
            self._file(handler, fault)

    def _file(self, handler: BaseHTTPRequestHandler, fault: str) -> None:
        body, tag = (self.body[::-1], '"two"') if fault == "other" else (self.body, ETAG)
        wanted = handler.headers.get("Range", "")
        begin = 0
        if wanted and handler.headers.get("If-Range") == tag:
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        else:
            handler.send_response(200)
        left = body[begin:]
        handler.send_header("ETag", tag)
        handler.send_header("Content-Length", str(len(left)))
        handler.end_headers()
        handler.wfile.write(left[: len(left) // 2] if fault in ("short", "hang") else left)
        handler.wfile.flush()
        if fault == "hang":
            self.freed.wait(30)

    def _endless(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not self.freed.is_set():
                handler.wfile.write(b"\0" * 65536)
        except OSError:
            pass


@contextmanager
def faulty_web(body: bytes, context: ssl.SSLContext | None = None) -> Iterator[FaultyWeb]:
    """The server, while it runs."""
    web = FaultyWeb(body, context)
    thread = threading.Thread(target=web.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        web.freed.set()
        web.server.shutdown()
        web.server.server_close()
        thread.join()
