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
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

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
    # A pod is asked too seldom for its connection to be worth keeping.
    asking = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
    async with Kube(_connection(), metrics) as kube, asking as session:
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
            await runner.cleanup()


async def _run_parts(
    settings: Settings, controller: Controller, lease: Lease, metrics: Metrics, stop: asyncio.Event
) -> int:
    async def restarted() -> None:
        metrics.watch_restarts.inc()
        await controller.sync()

    stopping = asyncio.create_task(stop.wait(), name="stop")
    beating = asyncio.create_task(controller.beat(), name="heartbeat")
    syncing = asyncio.create_task(controller.sync(), name="first list")
    await _first_end(stopping, beating, syncing)
    watching = asyncio.create_task(
        watch.watch(
            controller.receive, settings.namespace, on_restart=restarted, on_gap=controller.catch_up, stop=stop
        ),
        name="watches",
    )
    resyncing = asyncio.create_task(controller.resync(settings.resync_seconds), name="resync")
    leading = asyncio.create_task(_lead(settings, controller, lease, metrics), name="lead")
    is_asked = await _first_end(stopping, beating, watching, resyncing, leading) is stopping
    stop.set()
    await _end(beating, syncing, resyncing, leading)
    await lease.release()
    await asyncio.wait((watching,))
    _log.info("stopped")
    return 0 if is_asked else 1


async def _lead(settings: Settings, controller: Controller, lease: Lease, metrics: Metrics) -> None:
    """Works while this replica leads; returns when the lead is lost."""
    if not settings.leader_elect:
        metrics.leader.set(1)
        await controller.work()
        return
    electing = asyncio.create_task(lease.run(), name="election")
    working = asyncio.create_task(_work_when_leading(controller, lease, metrics), name="workers")
    try:
        await _first_end(electing, working)
    finally:
        metrics.leader.set(0)
        await _end(electing, working)


async def _work_when_leading(controller: Controller, lease: Lease, metrics: Metrics) -> None:
    await lease.acquired.wait()
    metrics.leader.set(1)
    await controller.sync()
    await controller.work()


async def _first_end(*tasks: asyncio.Task[Any]) -> asyncio.Task[Any]:
    """Waits for the first task that ends, and says why if it was not meant to."""
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in ended:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.critical("%s ended in a way that was not foreseen", task.get_name(), exc_info=error)
    return next(task for task in tasks if task in ended)


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


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
        tfjs_image=settings.tfjs_image,
        image_pull_policy=settings.image_pull_policy,
    )


def _connection() -> Connection:
    found = watch.connection_info(watch.settings())
    file = _TOKEN_FILE if _TOKEN_FILE.is_file() else None
    return Connection(server=found.server, tls=found.as_ssl_context(), token=found.token, token_file=file)


if __name__ == "__main__":
    sys.exit(main())
