"""The runtime's metrics, in base units, in a registry that is given (so that two servers can live in one process).

Labels are bounded: `model`, `version` and `signature` are empty for a request that named something that is not loaded.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from tfmodel_runtime.engine.optimize import Outcome
from tfmodel_runtime.observability.tally import Requests, Tally
from tfmodel_runtime.observability.tfserving import TfServingMetrics, TfServingTally
from tfmodel_runtime.servables.states import State

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LOAD_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_ENDED = 8
"""Of so many versions of a model that ended last the requests are still told: a scrape or two must see them."""
_REQUEST = ("model", "version", "signature", "method", "protocol")
CONTENT_TYPE = CONTENT_TYPE_LATEST


_APIS = {
    ("predict", "rest"): "predict", ("classify", "rest"): "classify", ("regress", "rest"): "regress",
    ("predict", "grpc"): "Predict", ("classify", "grpc"): "Classify", ("regress", "grpc"): "Regress",
}  # fmt: skip


def _requests() -> Requests:
    return Requests(
        ("tfmodel_runtime_requests", "tfmodel_runtime_request_duration_seconds"),
        ("Requests that were answered.", "Time from a request's arrival to its answer, of requests that succeeded."),
        _REQUEST,
        _SECONDS,
    )


def _of_batches(registry: CollectorRegistry) -> tuple[Histogram, Histogram, Gauge]:
    """Rows of a batch, the time that requests waited for one, and how many wait."""
    labels = ("model", "signature")
    rows = Histogram("tfmodel_runtime_batch_rows", "Rows of a batch.", labels, buckets=_ROWS, registry=registry)
    told = "Time that a request waited for its batch."
    waits = Histogram("tfmodel_runtime_batch_wait_seconds", told, labels, buckets=_SECONDS, registry=registry)
    queue = Gauge(
        "tfmodel_runtime_batch_queue_requests", "Requests that wait for a batch.", ("model",), registry=registry
    )
    return rows, waits, queue


class Request(NamedTuple):
    """What a request asked for, as labels. `version` and `signature` are empty until they are found."""

    model: str
    version: str
    signature: str
    method: str
    protocol: str

    def of(self, version: str, signature: str) -> "Request":
        """The same request, of which more is known."""
        return Request(self.model, version, signature, self.method, self.protocol)


class Metrics:
    """All metrics of a runtime. It is the manager's observer."""

    def __init__(self, registry: CollectorRegistry, *, version: str, tensorflow_version: str) -> None:
        self._registry = registry
        self._known: set[str] = set()
        self.tfserving = TfServingMetrics()
        self._requests = _requests()
        registry.register(self._requests)
        self._counts: dict[Request, tuple[Tally, TfServingTally | None]] = {}
        self._ended: dict[str, list[str]] = {}
        """Versions that ended, by model, whose requests are told."""
        self.in_flight = Gauge("tfmodel_runtime_requests_in_flight", "Requests being answered.", registry=registry)
        self._load_seconds = Histogram(
            "tfmodel_runtime_version_load_duration_seconds",
            "Time that loading a version took: restore, warm_up, and total until it is available.",
            ("model", "phase"),
            buckets=_LOAD_SECONDS,
            registry=registry,
        )
        self._memory = Gauge(
            "tfmodel_runtime_version_memory_bytes",
            "By how much the process's own memory, without files' pages, grew while the version was loaded; of loads at the same time each counts all.",
            ("model", "version"),
            registry=registry,
        )
        self._load_failures = Counter(
            "tfmodel_runtime_version_load_failures",
            "Attempts to load a version that failed.",
            ("model",),
            registry=registry,
        )
        self._states = Gauge(
            "tfmodel_runtime_version_state",
            "1 for the state that a version is in.",
            ("model", "version", "state"),
            registry=registry,
        )
        self._optimization = Gauge(
            "tfmodel_runtime_version_optimization_info",
            "1: what an available version runs on (None, Graph, XLA), and the reason if that is not what --optimize asks for.",
            ("model", "version", "used", "reason"),
            registry=registry,
        )
        self._optimization_labels: dict[tuple[str, str], tuple[str, str]] = {}
        self._batch_rows, self._batch_waits, self._batch_queue = _of_batches(registry)
        self._handler_loads, self._handler_hangs = _of_handler(registry)
        Counter(
            "tfmodel_runtime_process_restarts",
            "Processes of --processes that ended unasked, so that another took their place.",
            registry=registry,
        )
        info = Gauge("tfmodel_runtime_build_info", "1.", ("version", "tensorflow_version"), registry=registry)
        info.labels(version, tensorflow_version).set(1)

    def answered(self, request: Request, code: str, seconds: float) -> None:
        """A request was answered with a canonical code, such as OK; the time counts for those that succeeded."""
        counts = self._counts.get(request)
        if counts is None:
            counts = self._counts_of(request)
        tally, tfserving = counts
        tally.add(code, seconds)
        if tfserving is not None:
            tfserving.answered(code, seconds)

    def answered_together(self, request: Request, times: Sequence[float], run_seconds: float) -> None:
        """Requests that asked for the same, and shared a call of so many seconds, succeeded; the longest time comes first."""
        tally, tfserving = self._counts.get(request) or self._counts_of(request)
        tally.add_all(times)
        if tfserving is not None:
            tfserving.answered_all(times)
            tfserving.ran(run_seconds, len(times))

    def _counts_of(self, request: Request) -> "tuple[Tally, TfServingTally | None]":
        is_known = bool(request.version) or request.model in self._known
        model = request.model if is_known else ""
        tally = self._requests.of((model, request.version, request.signature, request.method, request.protocol))
        api = _APIS.get((request.method, request.protocol))
        counts = (tally, None if api is None else self.tfserving.tally(model, api, request.protocol.upper()))
        if request.version and request.signature:
            self._counts[request] = counts
        return counts

    def told(self, request: Request, code: str) -> None:
        """Status or metadata was asked for: no request to a model, but TensorFlow Serving counts it as one."""
        model = request.model if request.model in self._known else ""
        self.tfserving.answered(model, "", request.protocol.upper(), code, 0.0)

    def ran(self, request: Request, seconds: float) -> None:
        """The model ran for a request."""
        tfserving = (self._counts.get(request) or self._counts_of(request))[1]
        if tfserving is not None:
            tfserving.ran(seconds)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def state_changed(self, model: str, version: int, state: State) -> None:
        """A version is in a new state; of those that ended the requests are kept for a while, and nothing else."""
        self._known.add(model)
        for other in State:
            if other is not state and other is not State.UNLOADED:
                self._forget(model, str(version), other.value)
        if state is State.UNLOADED:
            self._forget_memory(model, str(version))
            self._end(model, str(version))
        else:
            self._ended[model] = [one for one in self._ended.get(model, ()) if one != str(version)]
            self._states.labels(model, str(version), state.value).set(1)

    def _forget(self, *labels: str) -> None:
        with contextlib.suppress(KeyError):
            self._states.remove(*labels)

    def _end(self, model: str, version: str) -> None:
        """Without a bound, a server that lives long would hold, and tell Prometheus of, every version that it ever had."""
        ended = [*self._ended.get(model, ()), version]
        self._ended[model], gone = ended[-_ENDED:], ended[:-_ENDED]
        for request in [one for one in self._counts if one.model == model and one.version in gone]:
            del self._counts[request]
        self._requests.forget(lambda labels: labels[0] == model and labels[1] in gone)

    def _forget_memory(self, model: str, version: str) -> None:
        with contextlib.suppress(KeyError):
            self._memory.remove(model, version)
        with contextlib.suppress(KeyError):
            self._optimization.remove(model, version, *self._optimization_labels.pop((model, version)))

    def loaded(self, model: str, version: int, phases: Mapping[str, float], size: int) -> None:
        """A version became available: seconds by phase, and the bytes by which the process grew."""
        for phase, seconds in phases.items():
            self._load_seconds.labels(model, phase).observe(seconds)
        self._memory.labels(model, str(version)).set(size)

    def optimized(self, model: str, version: int, outcome: Outcome) -> None:
        """What a version runs on from now on."""
        labels = (outcome.used.value, outcome.obstacle.value if outcome.obstacle else "")
        self._optimization_labels[model, str(version)] = labels
        self._optimization.labels(model, str(version), *labels).set(1)

    def load_failed(self, model: str, version: int) -> None:
        """An attempt to load a version failed."""
        del version
        self._load_failures.labels(model).inc()

    def batch_ran(self, model: str, signature: str, rows: int, waits: list[float]) -> None:
        """A batch of so many rows ran, after its requests had waited so many seconds."""
        self._batch_rows.labels(model, signature).observe(rows)
        for seconds in waits:
            self._batch_waits.labels(model, signature).observe(seconds)

    def batch_queued(self, model: str, change: int) -> None:
        """So many requests more, or less, wait for a batch."""
        self._batch_queue.labels(model).inc(change)

    def handler_hangs(self, change: int) -> None:
        """So many threads of the handler more, or less, hang."""
        self._handler_hangs.inc(change)

    def handler_loaded(self, *, is_loaded: bool) -> None:
        """A content of the handler file was taken up, or refused."""
        self._handler_loads.labels("loaded" if is_loaded else "refused").inc()


def _of_handler(registry: CollectorRegistry) -> tuple[Counter, Gauge]:
    """Contents of the handler file that were looked at, and threads that hang."""
    loads = Counter(
        "tfmodel_runtime_handler_loads",
        "Contents of the handler file that were taken up or refused.",
        ("result",),
        registry=registry,
    )
    hangs = Gauge(
        "tfmodel_runtime_handler_hanging_threads",
        "Threads that run the handler for requests whose time is over.",
        registry=registry,
    )
    return loads, hangs
