"""Writes docs/reference/flags.md and metrics.md from the programs themselves. Run by `make generate`."""

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from unittest import mock

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from tfmodel_operator import metrics as operator_metrics
from tfmodel_operator import settings as operator_settings
from tfmodel_runtime import flags as runtime_flags
from tfmodel_runtime.observability import metrics as runtime_metrics
from tfmodel_trainer.progress_server import GAUGES

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference"
FLAGS = """# Flags

Made from the programs; `--help` tells the same. The default stands in brackets.
"""
METRICS = """# Metrics

Made from the programs. All expose them on `/metrics`: the operator on port 8080, the runtime on its REST port and its
admin port, a training pod's sidecar on port 8503 (`progress`). A histogram `x` is scraped as `x_bucket`, `x_sum` and `x_count`.
"""


_HEADER = "| metric | type | labels | meaning |\n|---|---|---|---|\n"


class _Seen(Exception):  # noqa: N818 - it carries the parser out, nothing is wrong
    """A parser that was about to parse."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


class _Recorder(CollectorRegistry):
    """A registry that tells what was registered."""

    def __init__(self) -> None:
        super().__init__()
        self.metrics: list[Collector] = []

    def register(self, collector: Collector) -> None:
        """Keeps the metric, in the order of the source."""
        self.metrics.append(collector)
        super().register(collector)


def files() -> dict[Path, bytes]:
    """Every generated file and what it holds."""
    return {DOCS / "flags.md": _flags().encode(), DOCS / "metrics.md": _metrics().encode()}


def _flags() -> str:
    as_variable = (
        "Each can also be given in the environment, as `TFMODEL_OPERATOR_<NAME>`. The chart sets them from its values."
    )
    as_dashes = (
        "The names are TensorFlow Serving's where it has them; dashes work as well as underscores. A flag that is unknown, or that "
        "TensorFlow Serving has and this server does not honour, is refused."
    )
    operator = _arguments(lambda: operator_settings.parse([], {"POD_NAME": "the pod's name"}))
    runtime = _arguments(lambda: runtime_flags.parse([]))
    return (
        f"{FLAGS}\n## tfmodel-operator\n\n{as_variable}\n\n{_flag_table(operator)}"
        f"\n## tfmodel serve\n\n{as_dashes}\n\n{_flag_table(runtime)}"
    )


def _arguments(parse: Callable[[], object]) -> Iterator[argparse.Action]:
    """The arguments of the parser that `parse` makes."""

    def look(parser: argparse.ArgumentParser, *_: object) -> object:
        raise _Seen(parser)

    with mock.patch.object(argparse.ArgumentParser, "parse_known_args", look):
        try:
            parse()
        except _Seen as seen:
            yield from (one for one in seen.parser._actions if one.dest != "help")  # noqa: SLF001 - argparse lists them nowhere else


def _flag_table(arguments: Iterator[argparse.Action]) -> str:
    rows = (
        f"| `{one.option_strings[0]}` | {', '.join(f'`{choice}`' for choice in one.choices or ())} | {_help_of(one)} |\n"
        for one in arguments
    )
    return "| flag | one of | meaning |\n|---|---|---|\n" + "".join(rows)


def _help_of(argument: argparse.Action) -> str:
    text = argument.help or ""
    return f"{text}; required" if argument.required else text


def _metrics() -> str:
    operator, runtime = _Recorder(), _Recorder()
    operator_metrics.Metrics(operator, version="")
    runtime_metrics.Metrics(runtime, version="", tensorflow_version="")
    training = "".join(_row(name, "gauge", labels, text) for name, (text, labels) in GAUGES.items())
    return (
        f"{METRICS}\n## Operator\n\n{_metric_table(operator)}\n## Runtime\n\n{_metric_table(runtime)}"
        f"\n## Training pods\n\n{_HEADER}{training}"
    )


def _metric_table(registry: _Recorder) -> str:
    return _HEADER + "".join(_metric_rows(registry.metrics))


def _metric_rows(collectors: Iterable[Collector]) -> Iterator[str]:
    """A row for each metric; one collector may have several, whose families then know their labels."""
    for collector in collectors:
        for described in collector.collect():
            name = described.name + ("_total" if described.type == "counter" else "")
            own: Iterable[str] = getattr(described, "_labelnames", ())
            labels: Iterable[str] = getattr(collector, "_labelnames", own)
            yield _row(name, described.type, labels, described.documentation)


def _row(name: str, kind: str, labels: Iterable[str], text: str) -> str:
    return f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {text} |\n"
