"""The operator as a process, and what the system and its own metrics tell of it."""

import asyncio
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from testkit.apiserver import free_port

_TICKS = os.sysconf("SC_CLK_TCK")
_BUCKET = re.compile(r'^tfmodel_operator_reconcile_duration_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)
_MIB = 1024
Buckets = dict[float, float]


class Process:
    """An operator with the defaults of its flags."""

    def __init__(self, kubeconfig: Path, log: Path) -> None:
        self._port = free_port()
        command = [sys.executable, "-m", "tfmodel_operator.main", "--identity=bench", f"--metrics-port={self._port}"]
        with log.open("ab") as file:
            self._process = subprocess.Popen(command, env={**os.environ, "KUBECONFIG": str(kubeconfig)}, stderr=file)

    def stop(self) -> None:
        """Asks it to end, and waits."""
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def get(self, path: str) -> str:
        """What it answers; nothing while it does not."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = self.get("/metrics").splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{name}[ {{]", line))

    def reconciles(self) -> Buckets:
        """Reconciles that took no longer than each bound, in seconds."""
        return {float(bound): float(count) for bound, count in _BUCKET.findall(self.get("/metrics"))}

    def rss_mib(self) -> float:
        return self._memory("status", "VmRSS")

    def peak_mib(self) -> float:
        """The highest RSS since the process began."""
        return self._memory("status", "VmHWM")

    def pss_mib(self) -> float:
        return self._memory("smaps_rollup", "Pss")

    def _memory(self, file: str, name: str) -> float:
        text = Path(f"/proc/{self._process.pid}/{file}").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
        return int(found[1]) / _MIB if found else 0.0

    def cpu_seconds(self) -> float:
        """CPU time so far, of user and system."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


def quantile(before: Buckets, after: Buckets, part: float) -> float:
    """The quantile of what was counted between two readings, in seconds, as Prometheus' histogram_quantile has it."""
    counted = {bound: after[bound] - before.get(bound, 0.0) for bound in sorted(after)}
    wanted = part * max(counted.values(), default=0.0)
    for (low, below), (high, count) in pairwise([(0.0, 0.0), *counted.items()]):
        if count >= wanted and count > below:
            return low if high == float("inf") else low + (high - low) * (wanted - below) / (count - below)
    return 0.0


class Peak:
    """The highest RSS while it is measured, in MiB."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.rss_mib = 0.0

    async def follow(self) -> None:
        while True:
            self.rss_mib = max(self.rss_mib, self._process.rss_mib())
            await asyncio.sleep(0.1)


@contextmanager
def peak(process: Process) -> Iterator[Peak]:
    """Follows the RSS meanwhile."""
    found = Peak(process)
    task = asyncio.create_task(found.follow())
    try:
        yield found
    finally:
        task.cancel()
