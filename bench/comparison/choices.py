"""What a user may choose."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from comparison.models import MODELS
from comparison.peers import PEERS, TFSERVING
from comparison.results import GRPC, OURS, REST

REPOSITORY = Path(__file__).resolve().parents[2]
ALL_PEERS = (*PEERS, TFSERVING)


@dataclass(frozen=True, slots=True)
class Choices:
    """As the parser's help tells them; `cache` is where models, environments and clients are kept."""

    peers: tuple[str, ...]
    models: tuple[str, ...]
    protocols: tuple[str, ...]
    connections: tuple[int, ...]
    seconds: int
    rounds: int
    start_seconds: int
    checkout: Path
    flags: str
    workers: int | None
    """Processes that run the model, of each server; None: what each has by default."""
    out: Path
    cache: Path
    join: tuple[Path, ...]


def parse(arguments: Sequence[str]) -> Choices:
    """The choices; what is unknown ends the program with a line that names what is known."""
    found = _parser().parse_args(arguments)
    return Choices(
        found.peers,
        found.models,
        found.protocols,
        found.connections,
        found.seconds,
        found.rounds,
        found.start_seconds,
        found.checkout.resolve(),
        found.flags,
        found.workers,
        found.out,
        _cache(),
        found.join,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench",
        description="Compares this runtime with other servers of SavedModels. Each option is a variable of make: PEERS=kserve,mlserver.",
        epilog="PEERS=tfserving needs TFSERVING_BINARY=path or TFSERVING_IMAGE=name; TFSERVING_FLAGS replaces its flags.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--peers",
        type=_some_of(ALL_PEERS),
        default=",".join(PEERS),
        help=f"of {', '.join(ALL_PEERS)}; none: ours alone",
    )
    add("--models", type=_some_of(tuple(MODELS)), default=",".join(MODELS), help=f"of {', '.join(MODELS)}")
    add("--protocols", type=_some_of((REST, GRPC)), default=f"{REST},{GRPC}", help=f"of {REST}, {GRPC}")
    add("--connections", type=_numbers, default="", help="such as 1,8,64; empty: 1,8,32,64, and 1,8 for mobilenet")
    add(
        "--seconds", type=_positive, default=3, help="length of each client's run, after one second that does not count"
    )
    add(
        "--rounds",
        type=_positive,
        default=2,
        help="how often each server is started and measured; the best round counts",
    )
    add("--start-seconds", type=_positive, default=180, help="time that a server has for its first answer")
    add(
        "--checkout",
        type=Path,
        default=REPOSITORY,
        help=f"the checkout whose runtime is measured as {OURS}, by its .venv",
    )
    add("--flags", default="", help="flags of the runtime, such as '--enable_batching=true'; empty: its defaults")
    add(
        "--workers",
        type=_positive,
        default=None,
        help="processes that run the model, of each peer and of this runtime; empty: one",
    )
    add(
        "--out",
        type=Path,
        default=REPOSITORY / "bench" / "out",
        help="folder of the report, its figures, plot and logs",
    )
    add("--join", type=_paths, default="", help="measure nothing: put these results.json together in one report")
    return parser


def _some_of(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def parse_list(text: str) -> tuple[str, ...]:
        if text in ("", "none"):
            return ()
        if text == "all":
            return known
        names = tuple(text.replace(",", " ").split())
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)} (known: {', '.join(known)})")
        return names

    return parse_list


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(_positive(part) for part in text.replace(",", " ").split())


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(Path(part) for part in text.replace(",", " ").split())


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("TFMODEL_CACHE") or f"{home}/tfmodel") / "bench"
