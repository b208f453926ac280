"""The life of a server: started on free ports, asked until it answers rightly, ended with all its processes."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from comparison import processes
from comparison.dialects import Dialect
from comparison.models import Made, is_right
from comparison.peers import MARK, Peer, Ports, Server
from comparison.results import REST

_PAUSE_SECONDS = 0.02
_ASK_SECONDS = 60.0
_GRACE_SECONDS = 15.0
_MOST_BYTES = 64 * 2**20
_NO_ANSWER = (OSError, http.client.HTTPException, grpc.RpcError, ValueError, KeyError, TypeError, IndexError)


class ServerError(Exception):
    """A server ended, did not answer in time, or answered wrongly."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers. `cold_start_s`: from process start to the first right answer."""

    server: Server
    made: Made
    ports: Ports
    token: str
    cold_start_s: float

    def port(self, protocol: str) -> int:
        """Where the protocol is spoken."""
        return self.ports.rest if protocol == REST else self.ports.grpc

    def check(self, protocol: str) -> None:
        """Raises ServerError: it does not give the model's own answer over the protocol."""
        dialect = self.server.dialect(protocol)
        if dialect is None:
            raise ServerError(self.server.lacks)
        try:
            body = dialect.encode(self.made.row)
            answer = dialect.decode(_ask(protocol, self.port(protocol), dialect, body))
        except _NO_ANSWER as error:
            raise ServerError(f"no answer over {protocol}: {error!r:.300}") from error
        if not is_right(self.made, answer):
            raise ServerError(f"a wrong answer over {protocol}: {answer.ravel()[:3]}")


@contextmanager
def running(server: Server, python: Path | None, made: Made, log: Path, timeout_seconds: float) -> Iterator[Running]:
    """The server while it runs; `python` is that of a peer's environment.

    Raises:
        ServerError: it does not come up.
    """
    token, ports = secrets.token_hex(8), Ports(*_free_ports(3))
    command = _command(server, python, made, ports)
    environment = {**os.environ, **_QUIET, **server.environment, MARK: token}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        begun = time.monotonic()
        try:
            process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, start_new_session=True)
        except OSError as error:
            raise ServerError(f"cannot be started: {error}") from error
        try:
            seconds = _first_answer(process, server, made, ports, begun + timeout_seconds) - begun
            yield Running(server, made, ports, token, seconds)
        except ServerError as error:
            raise ServerError(f"{error} (log: {log.name}: {_last_line(log)})") from error
        finally:
            processes.end(token, grace_seconds=_GRACE_SECONDS)
            process.wait(_GRACE_SECONDS)


_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1", "CUDA_VISIBLE_DEVICES": "-1"}


def _command(server: Server, python: Path | None, made: Made, ports: Ports) -> list[str]:
    if not isinstance(server, Peer):
        return server.command(made, ports)
    if python is None:
        raise ServerError("it is not installed")
    return server.command(python, made, ports)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip()[:200] if lines else "empty"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _first_answer(process: subprocess.Popen[bytes], server: Server, made: Made, ports: Ports, end: float) -> float:
    """The time of the first right answer over REST."""
    body = server.rest.encode(made.row)
    last: object = "nothing was heard of it"
    while time.monotonic() < end:
        if process.poll() is not None:
            raise ServerError(f"it ended with code {process.returncode}")
        try:
            answer = server.rest.decode(_ask(REST, ports.rest, server.rest, body))
            if is_right(made, answer):
                return time.monotonic()
            last = answer.ravel()[:3]
        except _NO_ANSWER as error:
            last = error
        time.sleep(_PAUSE_SECONDS)
    raise ServerError(f"no right answer in time: {last!r:.300}")


def _ask(protocol: str, port: int, dialect: Dialect, body: bytes) -> bytes:
    return (_ask_rest if protocol == REST else _ask_grpc)(port, dialect, body)


def _ask_rest(port: int, dialect: Dialect, body: bytes) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ASK_SECONDS)
    try:
        connection.request("POST", dialect.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise ValueError(f"status {answer.status}: {text[:200]!r}")
        return text
    finally:
        connection.close()


def _ask_grpc(port: int, dialect: Dialect, body: bytes) -> bytes:
    options = [("grpc.max_receive_message_length", _MOST_BYTES), ("grpc.max_send_message_length", _MOST_BYTES)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        call: Any = channel.unary_unary(f"/{dialect.path}")
        return bytes(call(body, timeout=_ASK_SECONDS, wait_for_ready=True))
