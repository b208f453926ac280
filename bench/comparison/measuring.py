"""Measures: for each model some rounds, in each round every server once, one at a time, every other round in reverse order."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from comparison import processes
from comparison.clients import ClientError, Clients
from comparison.models import Made
from comparison.peers import Server
from comparison.results import Cell, Failure, Limit, Results, Start
from comparison.server import Running, ServerError, running

_WARM_SECONDS = 1
_MOST_SETTLING_SECONDS = 10
_AT_REST = 0.1
_LIMIT_ROWS = (1, 8, 32)
_LARGE_LIMIT_ROWS = (1, 8)
_LARGE_ELEMENTS = 100_000
LIMIT = "in process"


@dataclass(slots=True)
class Bench:
    """A run's means. `pythons` are the peers' environments by their names."""

    clients: Clients
    pythons: Mapping[str, Path]
    checkout: Path
    logs: Path
    protocols: tuple[str, ...]
    connections: tuple[int, ...]
    """Empty: those of each model."""
    seconds: int
    start_seconds: float
    say: Callable[[str], None]
    results: Results = field(default_factory=Results)

    def measure(self, made: Made, servers: list[Server], rounds: int) -> None:
        """Adds what is found to the results; what fails becomes a failure there, and is not tried again in the next round."""
        left = list(servers)
        for number in range(rounds):
            self._limit(made, number)
            for server in list(left if number % 2 == 0 else reversed(left)):
                try:
                    self._one_life(server, made, number)
                except ServerError as error:
                    self._fail(server.name, made, str(error))
                    left.remove(server)

    def _one_life(self, server: Server, made: Made, number: int) -> None:
        log = self.logs / f"{server.name}-{made.model.name}.log"
        with running(server, self.pythons.get(server.name), made, log, self.start_seconds) as live:
            self.say(f"{made.model.name} {server.name}: first right answer after {live.cold_start_s:.2f} s")
            settle(partial(processes.cpu_seconds, live.token))
            for protocol in self.protocols:
                try:
                    live.check(protocol)
                    self._cells(live, protocol, number)
                except (ServerError, ClientError) as error:
                    self._fail(server.name, made, str(error), protocol)
            used = processes.memory(live.token)
            self.results.starts.append(
                Start(
                    server.name,
                    made.model.name,
                    number,
                    live.cold_start_s,
                    used.pss_mb,
                    used.rss_mb,
                    used.processes,
                )
            )

    def _cells(self, live: Running, protocol: str, number: int) -> None:
        for connections in self.connections or live.made.model.connections:
            cell = self._cell(live, protocol, connections, number)
            self.results.cells.append(cell)
            self.say(
                f"{cell.model} {cell.server} {protocol} c={connections}: {cell.requests_per_second:.0f}/s, "
                f"p50 {cell.p50_ms:.2f} ms, p99 {cell.p99_ms:.2f} ms, CPU {cell.cpu_ms:.3f} ms"
                + (f", {cell.errors} errors" if cell.errors else "")
            )

    def _cell(self, live: Running, protocol: str, connections: int, number: int) -> Cell:
        dialect = live.server.dialect(protocol)
        if dialect is None:
            raise ServerError(live.server.lacks)
        body = dialect.encode(live.made.row)

        run = partial(self.clients.run, protocol, live.port(protocol), dialect, body, connections=connections)
        run(seconds=_WARM_SECONDS)
        used = processes.cpu_seconds(live.token)
        seen = run(seconds=self.seconds)
        used = processes.cpu_seconds(live.token) - used
        return Cell(
            live.server.name,
            live.made.model.name,
            protocol,
            connections,
            number,
            seen.requests_per_second,
            seen.p50_ms,
            seen.p99_ms,
            used / max(seen.requests, 1) * 1e3,
            seen.errors,
            os.getloadavg()[0],
        )

    def _limit(self, made: Made, number: int) -> None:
        rows = _LARGE_LIMIT_ROWS if made.row.size >= _LARGE_ELEMENTS else _LIMIT_ROWS
        try:
            found = limits(self.checkout, made, rows, number)
        except LimitError as error:
            self._fail(LIMIT, made, str(error))
            return
        self.results.limits += found
        for one in found:
            self.say(
                f"{one.model} in process, {one.rows} rows: {one.rows_per_second:.0f} rows/s, {one.cpu_ms:.4f} ms each"
            )

    def _fail(self, server: str, made: Made, reason: str, protocol: str = "") -> None:
        self.say(f"{made.model.name} {server} {protocol}: {reason}")
        failure = Failure(server, reason, made.model.name, protocol)
        if failure not in self.results.failures:
            self.results.failures.append(failure)


def settle(cpu_seconds: Callable[[], float], pause: Callable[[float], None] = time.sleep) -> None:
    """Waits until a server works no more on what it does after its first answer: a second of less than a tenth of a core.

    A server that never rests is measured after ten.
    """
    used = cpu_seconds()
    for _ in range(_MOST_SETTLING_SECONDS):
        pause(1.0)
        before, used = used, cpu_seconds()
        if used - before < _AT_REST:
            return


class LimitError(Exception):
    """The checkout's engine cannot be called in process as limit.py does."""


def limits(checkout: Path, made: Made, rows: Iterable[int], number: int) -> list[Limit]:
    """The model called in process by the checkout's engine.

    Raises:
        LimitError: that fails.
    """
    program = Path(__file__).with_name("limit.py")
    python = checkout / ".venv" / "bin" / "python"
    command = [str(python), str(program), str(made.version), str(made.base / "row.npy"), "1", *map(str, rows)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise LimitError(done.stderr.strip()[-300:])
    return [Limit(made.model.name, number, *one) for one in json.loads(done.stdout)]
