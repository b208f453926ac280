"""The listening side: sockets, connections, the sweep that ends those that are late, draining.

A sweep once a second looks after time, so that a request in time costs no timer.
"""

import asyncio
import contextlib
import logging
import socket
from pathlib import Path
from ssl import SSLContext
from typing import Any

from tfmodel_runtime.http2 import frames
from tfmodel_runtime.http2.connection import Connection
from tfmodel_runtime.http2.delayed import Delayed
from tfmodel_runtime.http2.frames import ErrorCode
from tfmodel_runtime.http2.limits import Limits
from tfmodel_runtime.http2.shared import Begin, Shared

_log = logging.getLogger(__name__)
_BACKLOG = 2048
_SWEEP_SECONDS = 1.0
_DRAIN_STEP_SECONDS = 1.0
_CLOSE_SECONDS = 5.0
_KEEPALIVE_PING = b"are you?"


class Listener:
    """Accepts connections from `listen` on until `stop`."""

    def __init__(self, limits: Limits, begin: Begin, context: SSLContext | None = None) -> None:
        self._shared = Shared(limits, begin, Delayed(asyncio.get_running_loop()))
        self._context = context
        self._servers: list[asyncio.AbstractServer] = []
        self._socket_path: Path | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def listen(self, one: socket.socket) -> None:
        """Accepts connections on a listening socket."""
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(self._connection, sock=one, backlog=_BACKLOG, **self._tls()))
        if self._sweeping is None:
            self._sweeping = asyncio.create_task(self._sweep())

    async def listen_at(self, path: str) -> None:
        """Accepts connections on a Unix socket, which is made anew.

        Raises:
            OSError: it cannot be made.
        """
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_unix_server(self._connection, path, backlog=_BACKLOG, **self._tls()))
        self._socket_path = Path(path)

    def _tls(self) -> dict[str, Any]:
        if self._context is None:
            return {}
        seconds = self._shared.limits.header_seconds
        return {"ssl": self._context, "ssl_handshake_timeout": seconds, "ssl_shutdown_timeout": _CLOSE_SECONDS}

    def _connection(self) -> Connection:
        return Connection(self._shared)

    async def stop(self, grace_seconds: float) -> None:
        """Takes nothing new, lets what is open end within the grace, answers the rest with a refusal. May be called again."""
        for server in self._servers:
            server.close()
        for connection in list(self._shared.connections):
            connection.drain()
        await self._until_closed(grace_seconds)
        for connection in list(self._shared.connections):
            _cut(connection)
        await self._until_closed(_CLOSE_SECONDS)
        for connection in list(self._shared.connections):
            connection.transport.abort()
        if self._sweeping is not None:
            self._sweeping.cancel()
        if self._socket_path is not None:
            self._socket_path.unlink(missing_ok=True)

    async def _until_closed(self, seconds: float) -> None:
        self._shared.is_empty.clear()
        if self._shared.connections:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._shared.is_empty.wait(), seconds)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = loop.time()
            for connection in list(self._shared.connections):
                sweep(connection, self._shared.limits, now)


def sweep(connection: Connection, limits: Limits, now: float) -> None:
    """Ends what of a connection is late, and the connection itself if it is idle, old or dead."""
    paused_at = connection.outgoing.paused_at
    if connection.closing_since is not None or paused_at is not None:
        since = max(connection.closing_since or 0.0, paused_at or 0.0)
        if now - since > (limits.body_seconds if paused_at is not None else _CLOSE_SECONDS):
            connection.transport.abort()
        return
    begun_at = connection.block_since if connection.is_established else connection.opened_at
    if begun_at is not None and now - begun_at > limits.header_seconds:
        connection.close(ErrorCode.PROTOCOL_ERROR, "settings or headers took too long to come")
        return
    for stream in list(connection.streams.values()):
        if stream.waiting and now - stream.stalled_at > limits.body_seconds:
            connection.give_up(stream, ErrorCode.CANCEL)
        elif stream.due is not None and now > stream.due and stream.receiver is not None and not stream.is_answered:
            stream.receiver.expired()
    _look_at_age(connection, limits, now)
    _look_for_life(connection, limits, now)


def _look_at_age(connection: Connection, limits: Limits, now: float) -> None:
    """Drains a connection that is idle or old, and goes on with one that drains."""
    since = connection.draining_since
    if since is not None:
        if now - since > _DRAIN_STEP_SECONDS:
            connection.drained()
        if limits.age_grace_seconds is not None and now - since > limits.age_grace_seconds:
            _cut(connection)
        return
    is_old = limits.age_seconds is not None and now - connection.opened_at > limits.age_seconds
    idle_since = None if connection.streams else connection.idle_since
    is_idle = limits.idle_seconds is not None and idle_since is not None and now - idle_since > limits.idle_seconds
    if is_old or is_idle:
        connection.drain()


def _look_for_life(connection: Connection, limits: Limits, now: float) -> None:
    """Asks a client that has been silent whether it is still there; one that does not answer is gone."""
    if limits.keepalive_seconds is None or connection.closing_since is not None:
        return
    if connection.pinged_at is not None:
        if connection.heard_at >= connection.pinged_at:
            connection.pinged_at = None
        elif now - connection.pinged_at > limits.keepalive_timeout_seconds:
            connection.transport.abort()
    elif now - connection.heard_at > limits.keepalive_seconds:
        connection.pinged_at = now
        connection.outgoing.write(frames.ping(_KEEPALIVE_PING, is_ack=False))


def _cut(connection: Connection) -> None:
    """Answers what is open, as far as it can be, and closes."""
    for stream in list(connection.streams.values()):
        if stream.receiver is not None and not stream.is_answered:
            stream.receiver.cut()
    connection.close(ErrorCode.NO_ERROR, "")
