"""The operator's metrics, in a registry that is given."""

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """All metrics of an operator."""

    def __init__(self, registry: CollectorRegistry, *, version: str) -> None:
        self._registry = registry
        self.reconciles = Counter(
            "tfmodel_operator_reconciles", "Reconciles, by how they ended.", ("result",), registry=registry
        )
        self.reconcile_seconds = Histogram(
            "tfmodel_operator_reconcile_duration_seconds", "Time of a reconcile.", buckets=_SECONDS, registry=registry
        )
        self.queue_depth = Gauge("tfmodel_operator_queue_depth", "Keys that wait for a reconcile.", registry=registry)
        self.queue_age = Gauge(
            "tfmodel_operator_queue_age_seconds",
            "Age of the key that waits longest; 0 for a standby.",
            registry=registry,
        )
        self.last_event = Gauge(
            "tfmodel_operator_last_watch_event_timestamp_seconds",
            "When a watch of this kind told of something last, as Unix time.",
            ("kind",),
            registry=registry,
        )
        self.models = Gauge("tfmodel_operator_models", "TFModels by phase.", ("phase",), registry=registry)
        self.leader = Gauge("tfmodel_operator_leader", "1 if this replica leads.", registry=registry)
        self.api_requests = Counter(
            "tfmodel_operator_api_requests",
            "Requests to the API server, by verb, kind and status code; 0 is no answer.",
            ("verb", "kind", "code"),
            registry=registry,
        )
        self.watch_restarts = Counter(
            "tfmodel_operator_watch_restarts", "Times that all watches were started again.", registry=registry
        )
        info = Gauge("tfmodel_operator_build_info", "1.", ("version",), registry=registry)
        info.labels(version).set(1)

    def count_models(self, phases: Iterable[str]) -> None:
        """Sets the number of TFModels by phase."""
        self.models.clear()
        for phase, count in Tally(phases).items():
            self.models.labels(phase).set(count)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)
