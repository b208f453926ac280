"""The operator with many TFModels, on a real API server: `make bench-operator`, or with `MODELS=100` a quick part of it.

Phases, each a row: no TFModel; all created at once until all are settled; rest; one change after another; a restart. Calls are
counted in the API server's audit log, memory and CPU by the kernel, times of reconciles by the operator's histogram. Nothing here
asserts a figure.
"""

import argparse
import asyncio
import os
import platform
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "tests")]

from client import Client  # noqa: E402 - the tests' folder is not installed
from models import NAMESPACES, kind_of, models, namespace  # noqa: E402
from process import Process, peak, quantile  # noqa: E402
from report import Row, table  # noqa: E402
from world import World  # noqa: E402

from testkit.apiserver import ApiServer  # noqa: E402
from testkit.audit import OPERATOR, Audit  # noqa: E402

_TFMODELS = "/apis/tfmodel.dev/v1alpha1/namespaces/{}/tfmodels"
_LONGEST_SECONDS = 900
_QUIET_SECONDS = 15
_CHANGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("replicas 1 to 2", {"serving": {"replicas": 2}}),
    ("trained again", {"training": {"runId": "2"}}),
)


class Settled:
    """Which TFModels rest in the phase that is theirs, with the generation that was asked for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rests: dict[str, bool] = {}

    async def follow(self) -> None:
        async for _, found in self._client.watch("/apis/tfmodel.dev/v1alpha1/tfmodels"):
            metadata, status = found["metadata"], found.get("status") or {}
            is_seen = status.get("observedGeneration") == metadata["generation"]
            self._rests[metadata["name"]] = is_seen and status.get("phase") == kind_of(metadata["name"]).phase

    def forget(self, name: str) -> None:
        self._rests[name] = False

    async def wait(self, count: int) -> None:
        end = time.monotonic() + _LONGEST_SECONDS
        while sum(self._rests.values()) < count:
            if time.monotonic() > end:
                waiting = [name for name, rests in self._rests.items() if not rests]
                raise TimeoutError(f"{len(waiting)} TFModels are not settled, as {waiting[:5]}")
            await asyncio.sleep(0.02)


class Bench:
    """The phases, in order; `rows` is what was measured."""

    def __init__(self, arguments: argparse.Namespace, folder: Path, audit: Audit, server: ApiServer) -> None:
        self._arguments = arguments
        self._audit = audit
        self._start = lambda: Process(server.kubeconfig_of(OPERATOR), folder / "operator.log")
        self._operator = self._start()
        self.rows: list[Row] = []

    async def run(self, client: Client, world: World) -> None:
        """Runs all phases.

        Raises:
            Exception: what ended the stand-in controllers, or kept the TFModels from settling.
        """
        settled = Settled(client)
        parts = (self._phases(client, world, settled), world.run(), settled.follow())
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._operator.stop()

    async def _phases(self, client: Client, world: World, settled: Settled) -> None:
        count, rest = self._arguments.models, self._arguments.rest_seconds
        await self._measure("no TFModel", self._idle(rest / 4), 0)
        await self._measure("created, until settled", self._create(client, settled), count)
        await asyncio.sleep(_QUIET_SECONDS)
        asked = world.asked
        await self._measure("at rest", self._idle(rest), count)
        self.rows[-1].asked = world.asked - asked
        for number, (title, spec) in enumerate(_CHANGES):
            names = [f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in self._trained(number)]
            await self._measure(title, self._change(client, settled, names, spec), len(names))
        await self._measure("restart", self._restart(), count)

    def _trained(self, number: int) -> list[dict[str, Any]]:
        found = [one for one in models(self._arguments.models) if one["metadata"]["name"].startswith("trained")]
        changes = self._arguments.changes
        return found[number * changes : (number + 1) * changes]

    async def _measure(self, title: str, phase: Any, count: int) -> None:
        """Runs a phase, and notes what it took."""
        print(f"{time.strftime('%H:%M:%S')} {title}", file=sys.stderr, flush=True)
        self._audit.calls()
        before, cpu, begun = self._operator.reconciles(), self._operator.cpu_seconds(), time.monotonic()
        operator = self._operator
        with peak(operator) as highest:
            await phase
        took = time.monotonic() - begun
        if operator is not self._operator:
            before, cpu = {}, 0.0
            took = self._ready_seconds
        await asyncio.sleep(0 if title in ("at rest", "no TFModel") else 2)
        after = self._operator.reconciles()
        row = Row(
            title=title,
            models=count,
            seconds=took,
            calls=self._audit.calls(),
            cpu_seconds=self._operator.cpu_seconds() - cpu,
            rss_mib=self._operator.rss_mib(),
            peak_mib=max(highest.rss_mib, self._operator.peak_mib() if operator is not self._operator else 0.0),
            pss_mib=self._operator.pss_mib(),
            reconciles=max(after.values(), default=0) - max(before.values(), default=0),
            p50=quantile(before, after, 0.5),
            p99=quantile(before, after, 0.99),
        )
        self.rows.append(row)
        print(row, file=sys.stderr, flush=True)

    async def _idle(self, seconds: float) -> None:
        while not self._operator.get("/readyz"):
            await asyncio.sleep(0.1)
        await asyncio.sleep(seconds)

    async def _create(self, client: Client, settled: Settled) -> None:
        at_once = asyncio.Semaphore(8)

        async def create(one: dict[str, Any]) -> None:
            async with at_once:
                await client.create(_TFMODELS.format(one["metadata"]["namespace"]), one)

        await asyncio.gather(*(create(one) for one in models(self._arguments.models)))
        await settled.wait(self._arguments.models)

    async def _change(self, client: Client, settled: Settled, names: list[str], spec: dict[str, Any]) -> None:
        for name in names:
            place, _, model = name.partition("/")
            settled.forget(model)
            await client.patch(f"{_TFMODELS.format(place)}/{model}", {"spec": spec})
            await settled.wait(self._arguments.models)

    async def _restart(self) -> None:
        """Until all TFModels were reconciled once and none waits."""
        self._operator.stop()
        self._audit.calls()
        begun = time.monotonic()
        self._operator = self._start()
        while self._operator.metric("tfmodel_operator_reconciles_total") < self._arguments.models:
            await asyncio.sleep(0.2)
        while self._operator.metric("tfmodel_operator_queue_depth") > 0:
            await asyncio.sleep(0.2)
        self._ready_seconds = time.monotonic() - begun


async def main(arguments: argparse.Namespace, folder: Path) -> str:
    audit = Audit(folder)
    server = ApiServer(folder / "apiserver", *audit.flags, users=(OPERATOR,))
    try:
        server.kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds" / "tfmodels.yaml"))
        server.wait_established("tfmodels.tfmodel.dev")
        server.kubectl("create", "clusterrolebinding", OPERATOR, "--clusterrole=cluster-admin", f"--user={OPERATOR}")
        for number in range(NAMESPACES):
            server.kubectl("create", "namespace", namespace(number))
        async with Client(server.url) as client:
            bench = Bench(arguments, folder, audit, server)
            await bench.run(client, World(client))
        return table(bench.rows, machine())
    finally:
        server.stop()


def machine() -> str:
    return f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser("bench/operator_scale", description=__doc__)
    parser.add_argument("--models", type=int, default=1000, help="TFModels to make")
    parser.add_argument("--rest-seconds", type=float, default=120, help="how long rest is watched")
    parser.add_argument("--changes", type=int, default=20, help="changes of each kind")
    return parser.parse_args()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as made:
        print(asyncio.run(main(parsed(), Path(made))))
