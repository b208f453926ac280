"""Ratios within one run: this runtime to the best peer, and to the same graph called in process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from comparison.results import OURS, Cell, Limit, Results, Start

Key = tuple[str, str, int]
"""Model, protocol, connections."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours to the best peer, each figure against the peer that is best in it; above 1 is better, but for `p99` and `pss`-like ones."""

    model: str
    protocol: str
    connections: int
    peer: str
    """The peer with the most requests/s."""
    requests: float
    """Ours divided by the most of any peer."""
    p99: float
    """Ours divided by the least of any peer: below 1 is better."""
    cpu: float
    """The least CPU per request of any peer divided by ours."""


@dataclass(frozen=True, slots=True)
class Share:
    """How near ours comes to the graph called in process; 1 would be a server that costs nothing."""

    model: str
    protocol: str
    connections: int
    requests: float
    """Requests/s divided by the rows/s of one core in process: above 1 where more cores work, or where requests run together."""
    cpu: float
    """CPU of a row in process divided by the server's CPU of a request."""


def best_cells(cells: Iterable[Cell]) -> dict[tuple[str, Key], Cell]:
    """Of each server's rounds the one with the most requests/s; rounds with errors do not count."""
    best: dict[tuple[str, Key], Cell] = {}
    for cell in cells:
        where = (cell.server, (cell.model, cell.protocol, cell.connections))
        if cell.errors == 0 and (where not in best or cell.requests_per_second > best[where].requests_per_second):
            best[where] = cell
    return best


def ratios(results: Results) -> list[Ratio]:
    """One for each cell that both this runtime and some peer have."""
    best = best_cells(results.cells)
    found = []
    for (server, key), ours in best.items():
        peers = [cell for (name, other), cell in best.items() if other == key and name != OURS]
        if server != OURS or not peers:
            continue
        first = max(peers, key=lambda cell: cell.requests_per_second)
        found.append(
            Ratio(
                *key,
                first.server,
                ours.requests_per_second / first.requests_per_second,
                ours.p99_ms / min(cell.p99_ms for cell in peers),
                _over(min(cell.cpu_ms for cell in peers), ours.cpu_ms),
            )
        )
    return found


def shares(results: Results) -> list[Share]:
    """One for each cell of this runtime whose model was called in process too.

    In process, c connections may be c rows of one call, so the best of the calls of at most c rows is the limit.
    """
    found = []
    for (server, (model, protocol, connections)), ours in best_cells(results.cells).items():
        limit = _limit(results.limits, model, connections)
        if server != OURS or limit is None:
            continue
        share = Share(
            model,
            protocol,
            connections,
            ours.requests_per_second / limit.rows_per_second,
            _over(limit.cpu_ms, ours.cpu_ms),
        )
        found.append(share)
    return found


def _limit(limits: Iterable[Limit], model: str, connections: int) -> Limit | None:
    fitting = [one for one in limits if one.model == model and one.rows <= connections]
    return max(fitting, key=lambda one: one.rows_per_second, default=None)


def _over(dividend: float, divisor: float) -> float:
    """A quotient; infinite where CPU time was too little to be seen."""
    return dividend / divisor if divisor else float("inf")


def best_starts(starts: Iterable[Start], model: str) -> dict[str, Start]:
    """Of each server's starts the fastest."""
    best: dict[str, Start] = {}
    for start in starts:
        if start.model == model and (start.server not in best or start.cold_start_s < best[start.server].cold_start_s):
            best[start.server] = start
    return best


def least_memory(starts: Iterable[Start], model: str) -> dict[str, float]:
    """PSS of each server after load, the least of its lives, MB."""
    least: dict[str, float] = {}
    for start in starts:
        if start.model == model:
            least[start.server] = min(start.pss_mb, least.get(start.server, float("inf")))
    return least
