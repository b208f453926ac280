"""`tfmodel-operator`: puts the parts together and runs them. What is made here is made nowhere else.

Every replica watches and lists, so that a standby is warm; only the leader works. A leader that loses the lead ends the process:
to start anew is simpler, and surer, than to find out what is still under way.
"""

import asyncio
import logging
import signal
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import aiohttp
import kopf
from prometheus_client import CollectorRegistry

from tfmodel_operator import logs, probes, watch
from tfmodel_operator.apply import Applier
from tfmodel_operator.cache import Cache
from tfmodel_operator.controller import Controller
from tfmodel_operator.kube import Connection, Kube
from tfmodel_operator.lease import Lease
from tfmodel_operator.metrics import Metrics
from tfmodel_operator.observe import Observer
from tfmodel_operator.reconcile import Reconciler
from tfmodel_operator.runtime_probe import RuntimeProbe
from tfmodel_operator.settings import Settings, from_process
from tfmodel_operator.values import Release
from tfmodel_operator.workqueue import WorkQueue

_log = logging.getLogger(__name__)
_TOKEN_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until SIGTERM; the exit code of the process: 1 if the lead was lost or nothing could be started."""
    settings = from_process(sys.argv[1:] if arguments is None else arguments)
    logs.set_up(settings.log_level)
    try:
        return asyncio.run(run(settings))
    except (OSError, kopf.LoginError) as error:
        _log.critical("cannot start: %s", error)
        return 1


async def run(settings: Settings) -> int:
    """Runs the operator; its exit code."""
    metrics = Metrics(CollectorRegistry(), version=version("tfmodel"))
    stop = _stop_on_signals()
    async with Kube(_connection(), metrics) as kube, aiohttp.ClientSession() as session:
        cache, queue = Cache(), WorkQueue()
        lease = Lease(
            kube,
            name=settings.lease_name,
            namespace=settings.lease_namespace,
            identity=f"{settings.identity}_{uuid.uuid4().hex[:8]}",
        )
        may_write = lease.held if settings.leader_elect else _always
        reconciler = Reconciler(
            cache,
            Observer(cache, kube, RuntimeProbe(session)),
            Applier(kube, cache, may_write),
            _release(settings),
            lambda: datetime.now(UTC),
        )
        controller = Controller(kube, cache, queue, reconciler, metrics, settings.namespace)
        runner = await probes.serve(
            probes.application(alive=controller.is_alive, ready=lambda: controller.is_synced, metrics=metrics),
            settings.metrics_port,
        )
        try:
            return await _run_parts(settings, controller, lease, metrics, stop)
        finally:
            await lease.release()
            await runner.cleanup()


async def _run_parts(
    settings: Settings, controller: Controller, lease: Lease, metrics: Metrics, stop: asyncio.Event
) -> int:
    async def restarted() -> None:
        metrics.watch_restarts.inc()
        await controller.sync()

    beating = asyncio.create_task(controller.beat())
    stopping = asyncio.create_task(stop.wait())
    syncing = asyncio.create_task(controller.sync())
    await asyncio.wait((syncing, stopping), return_when=asyncio.FIRST_COMPLETED)
    watching = asyncio.create_task(watch.watch(controller.receive, settings.namespace, on_restart=restarted, stop=stop))
    resyncing = asyncio.create_task(controller.resync(settings.resync_seconds))
    leading = asyncio.create_task(_lead(settings, controller, lease, metrics))
    await asyncio.wait((stopping, leading), return_when=asyncio.FIRST_COMPLETED)
    is_lost = leading.done()
    stop.set()
    for task in (leading, beating, syncing, resyncing):
        task.cancel()
    await asyncio.gather(leading, beating, syncing, resyncing, return_exceptions=True)
    with suppress(asyncio.CancelledError):
        await watching
    _log.info("stopped")
    return 1 if is_lost else 0


async def _lead(settings: Settings, controller: Controller, lease: Lease, metrics: Metrics) -> None:
    """Works while this replica leads; returns when the lead is lost."""
    if not settings.leader_elect:
        metrics.leader.set(1)
        await controller.work()
        return
    electing = asyncio.create_task(lease.run())
    working: asyncio.Task[None] | None = None
    try:
        await lease.acquired.wait()
        metrics.leader.set(1)
        await controller.sync()
        working = asyncio.create_task(controller.work())
        await electing
    finally:
        metrics.leader.set(0)
        electing.cancel()
        if working is not None:
            working.cancel()


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _always() -> bool:
    return True


def _release(settings: Settings) -> Release:
    return Release(
        version=version("tfmodel"),
        runtime_image=settings.runtime_image,
        trainer_image=settings.trainer_image,
        image_pull_policy=settings.image_pull_policy,
    )


def _connection() -> Connection:
    found = watch.connection_info(watch.settings())
    file = _TOKEN_FILE if _TOKEN_FILE.is_file() else None
    return Connection(server=found.server, tls=found.as_ssl_context(), token=found.token, token_file=file)


if __name__ == "__main__":
    sys.exit(main())
