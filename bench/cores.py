"""Throughput of one server process tree from one core to all.

    .venv/bin/python bench/cores.py [--models iris] [--protocols rest,grpc] [--connections 64] [--seconds 3] [--checkout PATH]

It takes the options of `make bench`.
The server is held to the first n cores (taskset); the client may use all, so with n = all it takes its share of them: the CPU
column, cores that the server used, tells how much was left.
"""

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from comparison import clients, peers, processes
from comparison.choices import Choices, parse
from comparison.models import MODELS, Made, made
from comparison.peers import Program
from comparison.report import table
from comparison.results import GRPC
from comparison.server import running

_CONNECTIONS = (64,)


def main() -> int:
    choices = parse(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        found = clients.found(Path(folder), needs_grpc=GRPC in choices.protocols)
        rows = []
        for name in choices.models:
            model = made(MODELS[name], choices.cache)
            for count in range(1, len(os.sched_getaffinity(0)) + 1):
                rows += on_cores(choices, found, model, count)
                print(f"cores: {name}, {count}", file=sys.stderr, flush=True)
    print(table(["model", "protocol", "connections", "cores", "requests/s", "p99 ms", "CPU ms", "cores used"], rows))
    return 0


def on_cores(choices: Choices, found: clients.Clients, model: Made, count: int) -> list[list[str]]:
    """The rows of a server that may use so many cores."""
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:count]))
    own = peers.ours(choices.checkout, choices.flags)
    server: Program = replace(own, prefix=("taskset", "-c", cores, *own.prefix))
    rows = []
    with running(server, None, model, choices.out / "logs" / "cores.log", choices.start_seconds) as live:
        for protocol in choices.protocols:
            live.check(protocol)
            dialect = server.dialect(protocol)
            body = dialect.encode(model.row)
            for connections in choices.connections or _CONNECTIONS:
                used = processes.cpu_seconds(live.token)
                seen = found.run(
                    protocol, live.port(protocol), dialect, body, connections=connections, seconds=choices.seconds
                )
                used = processes.cpu_seconds(live.token) - used
                figures = (seen.requests_per_second, seen.p99_ms, used / max(seen.requests, 1) * 1e3)
                rate, p99, cpu = figures
                rows.append(
                    [
                        model.model.name,
                        protocol,
                        str(connections),
                        str(count),
                        f"{rate:.0f}",
                        f"{p99:.2f}",
                        f"{cpu:.3f}",
                        f"{used / choices.seconds:.2f}",
                    ]
                )
    return rows


if __name__ == "__main__":
    sys.exit(main())
