"""A port that speaks HTTP: uvicorn with our connections, whose life belongs to `Lifecycle`."""

import asyncio
import math
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLContext

import uvicorn

from tfmodel_runtime.rest.connection import Connection
from tfmodel_runtime.rest.express import Express
from tfmodel_runtime.rest.gate import Application
from tfmodel_runtime.rest.guests import Guests, Limits

_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2048
_TICKS_A_SECOND = 10
_TLS_CLOSE_SECONDS = 5.0


class RestServer(uvicorn.Server):
    """Serves one application on sockets that it is given."""

    def __init__(
        self,
        app: Application,
        limits: Limits,
        *,
        context: SSLContext | None = None,
        grace_seconds: float = 1.0,
        express: Express | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                ws="none",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                lifespan="off",
                server_header=False,
                date_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=math.ceil(grace_seconds),
            )
        )
        self._limits = limits
        self._guests = Guests(limits.guests)
        self._context = context
        self._express = express

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none: signals belong to `Lifecycle`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes connections from now on."""
        loop, is_secure = asyncio.get_running_loop(), self._context is not None
        self.servers = [
            await loop.create_server(
                self._connection,
                sock=one,
                backlog=_BACKLOG,
                ssl=self._context,
                ssl_handshake_timeout=self._limits.header_seconds if is_secure else None,
                ssl_shutdown_timeout=_TLS_CLOSE_SECONDS if is_secure else None,
            )
            for one in sockets or ()
        ]
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end. Once a second those who are late are cut."""
        if counter % _TICKS_A_SECOND == 0:
            now = asyncio.get_running_loop().time()
            for one in list(self.server_state.connections):
                if isinstance(one, Connection):
                    one.cut_if_late(now)
        return await super().on_tick(counter)

    def _connection(self) -> Connection:
        return Connection(
            self.config,
            self.server_state,
            self.lifespan.state,
            limits=self._limits,
            guests=self._guests,
            express=self._express,
        )
