"""What this runtime is meant to reach against the best tuned peer, and what a run says to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import ge, le

from comparison.ratios import best_starts, least_memory, ratios, shares
from comparison.results import GRPC, OURS, REST, Results

_MANY = (8, 32, 64)
_SMALL = ("iris", "mnist")
_BOTH = (REST, GRPC)


@dataclass(frozen=True, slots=True)
class Goal:
    """`measured` is the worst of the cells it speaks of; None where the run holds none of them, or no peer's."""

    what: str
    needed: str
    measured: float | None
    is_reached: bool | None


def goals(results: Results) -> list[Goal]:
    """All of them, in the order in which they are reported."""
    return [*_throughput(results), *_latency(results), *_large(results), *_starts(results)]


def _throughput(results: Results) -> list[Goal]:
    rows = (
        ("Iris REST, 8 to 64 connections", ("iris",), (REST,), _MANY, 9.0),
        ("MNIST REST, 8 to 64 connections", ("mnist",), (REST,), _MANY, 5.5),
        ("Iris gRPC, 8 to 64 connections", ("iris",), (GRPC,), _MANY, 5.0),
        ("MNIST gRPC, 8 to 64 connections", ("mnist",), (GRPC,), _MANY, 4.0),
        ("Iris and MNIST, one connection", _SMALL, _BOTH, (1,), 2.2),
        ("MobileNetV2 gRPC, 1 and 8 connections", ("mobilenet",), (GRPC,), (1, 8), 2.0),
    )
    found = ratios(results)
    return [
        _at_least(
            f"requests/s: {what}",
            needed,
            [r.requests for r in found if r.model in models and r.protocol in protocols and r.connections in many],
        )
        for what, models, protocols, many, needed in rows
    ]


def _latency(results: Results) -> list[Goal]:
    found = [one for one in ratios(results) if one.connections == 8]
    rows = (("Iris and MNIST", _SMALL), ("MobileNetV2", ("mobilenet",)))
    return [
        _at_most(f"p99 at 8 connections: {what}", 0.25, [one.p99 for one in found if one.model in models])
        for what, models in rows
    ]


def _large(results: Results) -> list[Goal]:
    near = [one.cpu for one in shares(results) if one.model == "mobilenet" and one.protocol == GRPC]
    return [_at_least("MobileNetV2 gRPC, CPU of the graph in process / CPU of a request", 0.85, near)]


def _starts(results: Results) -> list[Goal]:
    seconds = {name: start.cold_start_s for name, start in best_starts(results.starts, "iris").items()}
    memory = least_memory(results.starts, "iris")
    own = seconds.get(OURS)
    return [
        _at_most("cold start, Iris, to the best peer's", 1 / 6, _to_least(seconds)),
        _at_most("cold start, Iris, seconds", 1.5, [] if own is None else [own]),
        _at_most("memory after load (PSS), Iris, to the best peer's", 0.6, _to_least(memory)),
    ]


def _to_least(by_server: dict[str, float]) -> list[float]:
    peers = [value for name, value in by_server.items() if name != OURS]
    return [by_server[OURS] / min(peers)] if peers and OURS in by_server else []


def _at_least(what: str, needed: float, found: Iterable[float]) -> Goal:
    return _goal(what, f"≥ {needed:.3g}", min(found, default=None), needed, ge)


def _at_most(what: str, needed: float, found: Iterable[float]) -> Goal:
    return _goal(what, f"≤ {needed:.3g}", max(found, default=None), needed, le)


def _goal(what: str, words: str, measured: float | None, needed: float, holds: Callable[[float, float], bool]) -> Goal:
    return Goal(what, words, measured, None if measured is None else holds(measured, needed))
