"""TensorFlow Serving's own metrics, under its own names and in its own units (microseconds), for dashboards that exist already.

Names, labels, buckets and the text format are those of util/prometheus_exporter.cc and servables/tensorflow/util.cc: a colon for
each slash, no `_total`, no HELP lines. prometheus-client cannot print them. Unlike there, a model that is not loaded is counted
under an empty name, so that requests cannot make labels.
"""

import bisect
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from google.protobuf import text_format

from tfmodel.wire import messages
from tfmodel_runtime.errors import InvalidInputError

DEFAULT_PATH = "/monitoring/prometheus/metrics"
REQUEST_COUNT = "/tensorflow/serving/request_count"
REQUEST_LATENCY = "/tensorflow/serving/request_latency"
RUNTIME_LATENCY = "/tensorflow/serving/runtime_latency"
EXAMPLE_COUNTS = "/tensorflow/serving/request_example_counts"
EXAMPLE_COUNT_TOTAL = "/tensorflow/serving/request_example_count_total"
_LATENCY_BOUNDS = [10 * 1.8**exponent for exponent in range(33)]
_EXAMPLE_BOUNDS = [2.0**exponent for exponent in range(15)]


def path_of(config: str) -> str | None:
    """The path that a MonitoringConfig in text format names for these metrics; None if it does not enable them.

    Raises:
        InvalidInputError: it is no MonitoringConfig.
    """
    try:
        found = text_format.Parse(config, messages.MonitoringConfig(), descriptor_pool=messages.POOL).prometheus_config
    except text_format.ParseError as error:
        raise InvalidInputError(f"Error parsing text-format MonitoringConfig: {error}") from error
    return (found.path or DEFAULT_PATH) if found.enable else None


Labels = tuple[str, ...]
Buckets = Callable[[float, int], None]


class _Counter:
    kind = "counter"

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self.points: dict[Labels, int] = {}

    def add(self, labels: Labels, amount: int) -> None:
        self.points[labels] = self.points.get(labels, 0) + amount

    def lines(self, name: str) -> Iterator[str]:
        for values, count in self.points.items():
            yield f"{name}{{{_labels(self._labels, values)}}} {count}"


class _Histogram:
    kind = "histogram"

    def __init__(self, labels: Labels, bounds: list[float]) -> None:
        self._labels = labels
        self._bounds = bounds
        self.points: dict[Labels, tuple[list[int], list[float]]] = {}

    def add(self, labels: Labels, value: float, count: int = 1) -> None:
        found = self.points.get(labels)
        if found is None:
            found = self.points[labels] = ([0] * (len(self._bounds) + 1), [0.0])
        buckets, total = found
        buckets[bisect.bisect_right(self._bounds, value)] += count
        total[0] += value * count

    def lines(self, name: str) -> Iterator[str]:
        limits = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
        for values, (buckets, total) in self.points.items():
            labels, cumulative = _labels(self._labels, values), 0
            for limit, count in zip(limits, buckets, strict=True):
                cumulative += count
                yield f'{name}_bucket{{{labels},le="{limit}"}} {cumulative}'
            yield f"{name}_sum{{{labels}}} {total[0]:g}"
            yield f"{name}_count{{{labels}}} {cumulative}"


def _labels(names: Labels, values: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class TfServingTally:
    """Where the requests of one model, API and protocol are counted. Only the event loop adds to it."""

    __slots__ = ("_latency", "_model", "_requests", "_runtime")

    def __init__(self, model: str, requests: _Counter, latency: Buckets, runtime: Buckets) -> None:
        self._model = model
        self._requests = requests
        self._latency = latency
        self._runtime = runtime

    def answered(self, status: str, seconds: float) -> None:
        """A request was answered; latency counts for those that succeeded."""
        self._requests.add((self._model, status), 1)
        if status == "OK":
            self._latency(seconds * 1e6, 1)

    def answered_all(self, times: Sequence[float]) -> None:
        """Requests succeeded."""
        self._requests.add((self._model, "OK"), len(times))
        for seconds in times:
            self._latency(seconds * 1e6, 1)

    def ran(self, seconds: float, count: int = 1) -> None:
        """The model ran for so many requests."""
        self._runtime(seconds * 1e6, count)


class TfServingMetrics:
    """The metrics. They are added to and printed in the event loop only, so that no lock is needed."""

    def __init__(self) -> None:
        self._requests = _Counter(("model_name", "status"))
        self._latency = _Histogram(("model_name", "API", "entrypoint"), _LATENCY_BOUNDS)
        self._runtime = _Histogram(("model_name", "API", "runtime"), _LATENCY_BOUNDS)
        self._examples = _Histogram(("model",), _EXAMPLE_BOUNDS)
        self._example_total = _Counter(("model",))

    def tally(self, model: str, api: str, entrypoint: str) -> TfServingTally:
        """Where requests of a model and API are counted without further ado."""
        return TfServingTally(
            model,
            self._requests,
            partial(self._latency.add, (model, api, entrypoint)),
            partial(self._runtime.add, (model, api.capitalize(), "TF1")),
        )

    def answered(self, model: str, api: str, entrypoint: str, status: str, seconds: float) -> None:
        """A request was answered; latency counts for those that succeeded."""
        self._requests.add((model, status), 1)
        if status == "OK" and api:
            self._latency.add((model, api, entrypoint), seconds * 1e6)

    def examples(self, model: str, count: int) -> None:
        """A request brought examples."""
        self._examples.add((model,), count)
        self._example_total.add((model,), count)

    def value(self, name: str) -> int:
        """The first value of a counter by its slash name, 0 if there is none: what ReloadConfigRequest.metric_names asks for."""
        counter = {REQUEST_COUNT: self._requests, EXAMPLE_COUNT_TOTAL: self._example_total}.get(name)
        return next(iter(counter.points.values()), 0) if counter else 0

    def exposition(self) -> bytes:
        """All metrics in TensorFlow Serving's form of Prometheus' text format."""
        metrics: dict[str, _Counter | _Histogram] = {
            REQUEST_COUNT: self._requests,
            REQUEST_LATENCY: self._latency,
            RUNTIME_LATENCY: self._runtime,
            EXAMPLE_COUNTS: self._examples,
            EXAMPLE_COUNT_TOTAL: self._example_total,
        }
        lines: list[str] = []
        for slashed, metric in metrics.items():
            name = slashed.replace("/", ":")
            lines += [f"# TYPE {name} {metric.kind}", *metric.lines(name)]
        return ("\n".join(lines) + "\n").encode()
