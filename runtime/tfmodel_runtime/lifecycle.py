"""The life of the server: open the ports, load, be ready, drain, stop. It reads from top to bottom.

The ports open at once, so that probes get answers while models load; readiness is what says whether requests should come. On
SIGTERM readiness fails first and requests are still served while the balancers learn of it; only then do the ports close. A
second signal ends the wait.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tfmodel_runtime.flags import Flags
from tfmodel_runtime.grpc.server import GrpcServer
from tfmodel_runtime.lifecycle_state import Readiness
from tfmodel_runtime.predict import Predictor
from tfmodel_runtime.processes.siblings import Siblings
from tfmodel_runtime.rest.server import RestServer
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.sockets import listen

_log = logging.getLogger(__name__)
_READINESS_POLL_SECONDS = 0.05
_COLLECTOR_THRESHOLDS = (50_000, 50, 1_000)
_STOPS = (signal.SIGTERM, signal.SIGINT)


Follower = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a server is made of. `followers` run beside it until it stops; `siblings` are the processes that share its ports."""

    manager: Manager
    predictor: Predictor
    readiness: Readiness
    rest: RestServer
    admin: RestServer | None
    grpc: GrpcServer
    followers: Sequence[Follower] = ()
    siblings: Siblings | None = None


class Lifecycle:
    """Runs the server until it is told to stop."""

    def __init__(self, flags: Flags, parts: Parts) -> None:
        self._flags = flags
        self._parts = parts
        self._manager = parts.manager
        self._predictor = parts.predictor
        self._readiness = parts.readiness
        self._grpc = parts.grpc
        self._rest = parts.rest
        self._admin = parts.admin
        self._siblings = parts.siblings
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._administering: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serves until SIGTERM or SIGINT.

        Raises:
            OSError, RuntimeError: a port cannot be opened, or a part of the server ended by itself.
        """
        self._handle_signals()
        lasting = [asyncio.create_task(one()) for one in self._lasting()]
        followers = [asyncio.create_task(follower()) for follower in self._parts.followers]
        for task in followers:
            task.add_done_callback(_tell_of_failure)
        stopping = asyncio.create_task(self._stop.wait())
        if self._siblings is not None:
            await _first_of(stopping, asyncio.create_task(self._siblings.until_wanted()))
        serving = await self._open()
        watching = asyncio.create_task(self._watch_readiness())
        await asyncio.wait((stopping, serving, *lasting), return_when=asyncio.FIRST_COMPLETED)
        is_told = self._stop.is_set()
        stopping.cancel()
        for task in (watching, *followers):
            task.cancel()
        await self._drain(serving)
        await self._close_admin()
        for task in lasting:
            task.cancel()
        await asyncio.gather(*lasting, watching, *followers, return_exceptions=True)
        await self._manager.close()
        self._predictor.close()
        if not is_told:
            raise RuntimeError("a part of the server ended without being told to")
        _log.info("stopped")

    def _lasting(self) -> list[Follower]:
        """What goes on while the server drains."""
        return [self._manager.run, *([self._siblings.run] if self._siblings is not None else [])]

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _STOPS:
            loop.add_signal_handler(number, self._on_signal)
        # A process that was forked for this has them blocked until here.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)

    def _on_signal(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _open(self) -> "asyncio.Task[None]":
        flags = self._flags
        is_shared = self._siblings is not None
        address = flags.bind_address
        port = await self._grpc.start(address, flags.port, socket_path=flags.grpc_socket_path, is_shared=is_shared)
        listening = listen(address, flags.rest_api_port, is_shared=is_shared)
        if self._admin is not None:
            probed = listen(address, flags.admin_port, is_shared=is_shared)
            self._administering = asyncio.create_task(self._admin.serve([probed]))
        if self._siblings is not None:
            self._siblings.open()
        serving = asyncio.create_task(self._rest.serve([listening]))
        _log.info("gRPC on port %d, REST on port %d", port, listening.getsockname()[1])
        return serving

    async def _close_admin(self) -> None:
        """The port of probes closes last."""
        if self._admin is not None and self._administering is not None:
            self._admin.should_exit = True
            await asyncio.gather(self._administering, return_exceptions=True)

    async def _watch_readiness(self) -> None:
        """Tells gRPC's health of readiness, and settles the garbage collector once everything long-lived is there."""
        was_ready = False
        while True:
            is_ready = self._readiness.objection() is None
            if is_ready != was_ready:
                was_ready = is_ready
                await self._grpc.set_serving(is_serving=is_ready)
                _log.info("ready" if is_ready else "not ready")
                gc.collect()
                gc.freeze()
                gc.set_threshold(*_COLLECTOR_THRESHOLDS)
            await asyncio.sleep(_READINESS_POLL_SECONDS)

    async def _drain(self, serving: "asyncio.Task[None]") -> None:
        self._readiness.is_draining = True
        await self._grpc.set_serving(is_serving=False)
        _log.info("draining: %d requests in flight", self._predictor.traffic.count)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), self._flags.drain_delay)
        self._rest.should_exit = True
        closing = asyncio.gather(self._grpc.stop(self._flags.drain_grace), serving, return_exceptions=True)
        hurrying = asyncio.create_task(self._hurry.wait())
        await asyncio.wait((closing, hurrying), return_when=asyncio.FIRST_COMPLETED)
        if self._hurry.is_set():
            self._rest.force_exit = True
            await self._grpc.stop(0)
        await closing
        hurrying.cancel()


async def _first_of(one: "asyncio.Task[Any]", other: "asyncio.Task[Any]") -> None:
    """Waits for one of two, and gives up the other one if it is not the first."""
    await asyncio.wait((one, other), return_when=asyncio.FIRST_COMPLETED)
    other.cancel()


def _tell_of_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("what follows a file has ended: its changes are not seen any more", exc_info=task.exception())
