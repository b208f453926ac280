"""Throughput and memory of a server by how many processes serve on its ports.

    .venv/bin/python bench/processes.py [--models iris] [--protocols rest,grpc] [--connections 64] [--seconds 3] [--rounds 2]

It takes the options of `make bench`. Rounds take turns, and of each cell the best counts. Memory is weighed after the load, once
versions are optimised; the client runs on the same cores, and the last column tells how many of them the server used.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from comparison import clients, peers, processes
from comparison.choices import Choices, parse
from comparison.models import MODELS, Made, made
from comparison.report import table
from comparison.results import GRPC
from comparison.server import running

_CONNECTIONS = (64,)
_SETTLE_SECONDS = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """What was measured of one number of processes with one client; `memory_mb` is of all processes together."""

    rate: float
    p99_ms: float
    cpu_ms: float
    cores: float
    memory_mb: float
    start_s: float


def main() -> int:
    choices = parse(sys.argv[1:])
    counts = range(1, len(os.sched_getaffinity(0)) + 1)
    with tempfile.TemporaryDirectory() as folder:
        found = clients.found(Path(folder), needs_grpc=GRPC in choices.protocols)
        rows = []
        for name in choices.models:
            model = made(MODELS[name], choices.cache)
            best: dict[tuple[str, int, int], Cell] = {}
            for _ in range(choices.rounds):
                for count in counts:
                    for (protocol, connections), cell in measured(choices, found, model, count):
                        key = (protocol, connections, count)
                        if key not in best or cell.rate > best[key].rate:
                            best[key] = cell
                    print(f"processes: {name}, {count}", file=sys.stderr, flush=True)
            rows += [row(name, *key, cell) for key, cell in sorted(best.items())]
    heads = ["model", "protocol", "connections", "processes", "requests/s", "p99 ms", "CPU ms", "cores used"]
    print(table([*heads, "memory MB", "cold start s"], rows))
    return 0


def measured(
    choices: Choices, found: clients.Clients, model: Made, count: int
) -> Iterator[tuple[tuple[str, int], Cell]]:
    """What a server of so many processes gives, by protocol and connections."""
    server = peers.ours(choices.checkout, f"--processes={count} {choices.flags}")
    seen = {}
    with running(server, None, model, choices.out / "logs" / "processes.log", choices.start_seconds) as live:
        for protocol in choices.protocols:
            live.check(protocol)
            dialect = server.dialect(protocol)
            body = dialect.encode(model.row)
            for connections in choices.connections or _CONNECTIONS:
                port, many = live.port(protocol), connections
                found.run(protocol, port, dialect, body, connections=many, seconds=1)
                used = processes.cpu_seconds(live.token)
                figures = found.run(protocol, port, dialect, body, connections=many, seconds=choices.seconds)
                seen[protocol, connections] = (figures, processes.cpu_seconds(live.token) - used)
        time.sleep(_SETTLE_SECONDS)
        memory = processes.memory(live.token).pss_mb
    for key, (figures, used) in seen.items():
        cpu_ms = used / max(figures.requests, 1) * 1e3
        rate, cores = figures.requests_per_second, used / choices.seconds
        yield key, Cell(rate, figures.p99_ms, cpu_ms, cores, memory, live.cold_start_s)


def row(model: str, protocol: str, connections: int, count: int, cell: Cell) -> list[str]:
    figures = (f"{cell.rate:.0f}", f"{cell.p99_ms:.2f}", f"{cell.cpu_ms:.3f}", f"{cell.cores:.2f}")
    return [model, protocol, str(connections), str(count), *figures, f"{cell.memory_mb:.0f}", f"{cell.start_s:.1f}"]


if __name__ == "__main__":
    sys.exit(main())
