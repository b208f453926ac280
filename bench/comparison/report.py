"""The report, Markdown, out of a run's results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from comparison.goals import goals
from comparison.ratios import best_cells, ratios, shares
from comparison.results import OURS, Cell, Results, Start

_PROTOCOLS = {"rest": "REST", "grpc": "gRPC"}
_VERDICTS = {True: "yes", False: "**no**", None: "not measured"}


def markdown(results: Results) -> str:
    """The whole report."""
    parts = [
        "# Serving side by side",
        _machine(results),
        "## What is to be reached",
        _goals(results),
        "## Ours to the best peer, and to the graph in process",
        _ratios(results),
        "## Requests a second (p50 / p99 ms) [server's CPU ms a request]",
        _cells(results),
        "## Cold start and memory",
        _starts(results),
        "## In process, one thread on one core",
        _limits(results),
        "## What could not be measured",
        _failures(results),
        "## Versions",
        _list(f"{name}: {version}" for name, version in results.versions.items()),
    ]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "nothing"


def _machine(results: Results) -> str:
    return _list(f"{name.replace('_', ' ')}: {value}" for name, value in results.machine.items())


def _goals(results: Results) -> str:
    rows = [
        [goal.what, goal.needed, "-" if goal.measured is None else f"{goal.measured:.3g}", _VERDICTS[goal.is_reached]]
        for goal in goals(results)
    ]
    return table(["what (worst of its cells)", "needed", "measured", "reached"], rows)


def _ratios(results: Results) -> str:
    near = {(one.model, one.protocol, one.connections): one for one in shares(results)}
    rows = []
    for one in ratios(results):
        share = near.get((one.model, one.protocol, one.connections))
        rows.append(
            [
                f"{one.model} {_PROTOCOLS[one.protocol]} c={one.connections}",
                f"{one.requests:.2f}x ({one.peer})",
                f"{one.p99:.2f}",
                f"{one.cpu:.2f}x",
                f"{share.requests:.2f}" if share else "-",
                f"{share.cpu:.2f}" if share else "-",
            ]
        )
    head = ["work", "requests/s (best peer)", "p99 / least p99", "least CPU / CPU", "requests/s / in process"]
    return table([*head, "CPU in process / CPU"], rows)


def _cells(results: Results) -> str:
    best = best_cells(results.cells)
    tables = []
    for model, protocol in dict.fromkeys((cell.model, cell.protocol) for cell in results.cells):
        here = {where: cell for where, cell in best.items() if where[1][:2] == (model, protocol)}
        many = sorted({key[2] for _, key in here})
        servers = sorted({server for server, _ in here}, key=lambda name: _most(here, name), reverse=True)
        rows = [
            [server, *(_cell(here.get((server, (model, protocol, count)))) for count in many)] for server in servers
        ]
        heading = f"**{model} {_PROTOCOLS[protocol]}**"
        tables.append(f"{heading}\n\n{table(['server', *(f'c={count}' for count in many)], rows)}")
    return "\n\n".join([*tables, *_with_errors(results)])


def _most(cells: dict[tuple[str, tuple[str, str, int]], Cell], server: str) -> float:
    return max(cell.requests_per_second for (name, _), cell in cells.items() if name == server)


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    return f"{cell.requests_per_second:.0f} ({cell.p50_ms:.2f} / {cell.p99_ms:.2f}) [{cell.cpu_ms:.3f}]"


def _with_errors(results: Results) -> list[str]:
    wrong = [cell for cell in results.cells if cell.errors]
    lines = [
        f"{cell.server}, {cell.model} {_PROTOCOLS[cell.protocol]} c={cell.connections}: {cell.errors} errors in round {cell.round + 1}"
        for cell in wrong
    ]
    return ["Rounds with errors, which do not count:\n\n" + _list(lines)] if lines else []


def _starts(results: Results) -> str:
    lives: dict[tuple[str, str], list[Start]] = {}
    for start in results.starts:
        lives.setdefault((start.model, start.server), []).append(start)
    rows = [_start(model, server, found) for (model, server), found in sorted(lives.items(), key=_by_cold_start)]
    return table(
        ["model", "server", "first right answer after (s, least of n)", "PSS / RSS after load (MB)", "processes"], rows
    )


def _by_cold_start(item: tuple[tuple[str, str], list[Start]]) -> tuple[str, float]:
    return item[0][0], min(start.cold_start_s for start in item[1])


def _start(model: str, server: str, lives: Sequence[Start]) -> list[str]:
    least = min(lives, key=lambda start: start.pss_mb)
    seconds = min(start.cold_start_s for start in lives)
    name = f"**{server}**" if server == OURS else server
    memory = f"{least.pss_mb:.0f} / {least.rss_mb:.0f}"
    return [model, name, f"{seconds:.2f} (n={len(lives)})", memory, str(least.processes)]


def _limits(results: Results) -> str:
    best: dict[tuple[str, int], tuple[float, float]] = {}
    for one in results.limits:
        where = (one.model, one.rows)
        best[where] = max(best.get(where, (0.0, 0.0)), (one.rows_per_second, one.cpu_ms))
    rows = [[model, str(rows), f"{rate:.0f}", f"{cpu:.4f}"] for (model, rows), (rate, cpu) in best.items()]
    return table(["model", "rows a call", "rows/s", "CPU ms a row"], rows)


def _failures(results: Results) -> str:
    return _list(
        f"{one.server}{f', {one.model}' if one.model else ''}{f', {_PROTOCOLS[one.protocol]}' if one.protocol else ''}: {one.reason}"
        for one in results.failures
    )
