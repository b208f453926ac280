"""What a server's processes use, all together. They are found by a variable in their environment, which survives what their

parents do: Ray's workers and a container's processes are not below the process that was started.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from comparison.peers import MARK

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_MB = 1_000_000
# Places in /proc/<pid>/stat after the name's closing bracket (proc(5)): utime, stime, cutime, cstime.
_TIMES = slice(11, 15)


@dataclass(frozen=True, slots=True)
class Memory:
    """MB of 10^6 bytes; a page that n processes share counts 1/n in each one's `pss`."""

    pss_mb: float
    rss_mb: float
    processes: int


def of(token: str) -> list[int]:
    """The processes of the server that was started with this token."""
    wanted = f"{MARK}={token}".encode()
    return [pid for pid, environment in _environments() if wanted in environment.split(b"\0")]


def _environments() -> Iterator[tuple[int, bytes]]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / "environ").read_bytes()
            except OSError:
                continue


def cpu_seconds(token: str) -> float:
    """User and system time of all of them, with what their ended children used."""
    return sum(_ticks(pid) for pid in of(token)) / _TICKS


def _ticks(pid: int) -> int:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0
    return sum(int(field) for field in text.rpartition(")")[2].split()[_TIMES])


def memory(token: str) -> Memory:
    pids = of(token)
    found = [_rollup(pid) for pid in pids]
    return Memory(sum(pss for pss, _ in found) / _MB, sum(rss for _, rss in found) / _MB, len(pids))


def _rollup(pid: int) -> tuple[int, int]:
    """Bytes of PSS and RSS."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
    return sizes.get("Pss", 0), sizes.get("Rss", 0)


def end(token: str, *, grace_seconds: float) -> None:
    """Asks all of them to end, and makes those end that have not after the grace."""
    deadline = time.monotonic() + grace_seconds
    _signal(token, signal.SIGTERM)
    while of(token) and time.monotonic() < deadline:
        time.sleep(0.1)
    _signal(token, signal.SIGKILL)


def _signal(token: str, number: signal.Signals) -> None:
    for pid in of(token):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
