"""What a run finds, as plain values that go to JSON and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

OURS = "tfmodel"
REST, GRPC = "rest", "grpc"


@dataclass(frozen=True, slots=True)
class Cell:
    """One client run: a server, a model, a protocol, a number of connections."""

    server: str
    model: str
    protocol: str
    connections: int
    round: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    """CPU time of all the server's processes, user and system, ms per request."""
    errors: int
    load: float
    """Load average of the machine over the last minute, at the end of the run."""


@dataclass(frozen=True, slots=True)
class Start:
    """One life of a server."""

    server: str
    model: str
    round: int
    cold_start_s: float
    """Seconds from process start to the first right answer."""
    pss_mb: float
    """Proportional set size of all its processes after the load, MB of 10^6 bytes."""
    rss_mb: float
    processes: int


@dataclass(frozen=True, slots=True)
class Limit:
    """The same graph called in process by one thread on one core, without any server."""

    model: str
    round: int
    rows: int
    rows_per_second: float
    cpu_ms: float
    """CPU ms per row."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be measured, and why. An empty model or protocol means all of them."""

    server: str
    reason: str
    model: str = ""
    protocol: str = ""


@dataclass(slots=True)
class Results:
    """A run, or several of them put together."""

    machine: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def to_json(self) -> str:
        """What from_json reads."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Results:
        """What to_json wrote."""
        found = json.loads(text)
        return cls(
            found["machine"],
            found["versions"],
            [Cell(**one) for one in found["cells"]],
            [Start(**one) for one in found["starts"]],
            [Limit(**one) for one in found["limits"]],
            [Failure(**one) for one in found["failures"]],
        )


def joined(runs: Sequence[Results]) -> Results:
    """Several runs as one. The machine is the first's, with the highest load of them all."""
    whole = Results(dict(runs[0].machine))
    whole.machine["load_most"] = max(run.machine.get("load_most", 0.0) for run in runs)
    for run in runs:
        whole.versions.update(run.versions)
        whole.cells += run.cells
        whole.starts += run.starts
        whole.limits += run.limits
        whole.failures += [one for one in run.failures if one not in whole.failures]
    return whole
