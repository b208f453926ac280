"""Metrics of several processes become one exposition."""

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from tfmodel_runtime.observability.metrics import Metrics, Request
from tfmodel_runtime.processes import exposition
from tfmodel_runtime.servables.states import State

REQUEST = Request("m", "1", "serving_default", "predict", "rest")


def a_process(requests: int, *, in_flight: int = 0, version: int = 1) -> Metrics:
    metrics = Metrics(CollectorRegistry(), version="1.0", tensorflow_version="2.21.0")
    metrics.state_changed("m", version, State.AVAILABLE)
    metrics.loaded("m", version, {"total": 0.3}, 1000)
    for _ in range(requests):
        metrics.answered(REQUEST, "OK", 0.002)
    metrics.in_flight.set(in_flight)
    return metrics


def samples(text: bytes) -> dict[str, float]:
    return {
        f"{one.name}{sorted(one.labels.items())}": one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
    }


def value(text: bytes, name: str, **labels: str) -> float:
    found = [
        one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
        if one.name == name and labels.items() <= one.labels.items()
    ]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def test_counts_and_amounts_are_added() -> None:
    text = exposition.merged([a_process(3, in_flight=2).exposition(), a_process(4, in_flight=5).exposition()])
    assert value(text, "tfmodel_runtime_requests_total", code="OK") == 7
    assert value(text, "tfmodel_runtime_requests_in_flight") == 7
    assert value(text, "tfmodel_runtime_version_memory_bytes", version="1") == 2000
    assert value(text, "tfmodel_runtime_request_duration_seconds_count") == 7
    assert value(text, "tfmodel_runtime_request_duration_seconds_bucket", le="0.001") == 0
    assert value(text, "tfmodel_runtime_request_duration_seconds_bucket", le="0.0025") == 7
    assert abs(value(text, "tfmodel_runtime_request_duration_seconds_sum") - 0.014) < 1e-9


def test_facts_are_not_doubled() -> None:
    text = exposition.merged([a_process(1).exposition(), a_process(1).exposition()])
    assert value(text, "tfmodel_runtime_build_info") == 1
    assert value(text, "tfmodel_runtime_version_state", state="Available") == 1


def test_what_one_process_alone_has_stands_with_its_metric() -> None:
    text = exposition.merged([a_process(1).exposition(), a_process(1, version=2).exposition()])
    assert value(text, "tfmodel_runtime_version_memory_bytes", version="2") == 1000
    lines = text.decode().splitlines()
    places = [number for number, line in enumerate(lines) if line.startswith("tfmodel_runtime_version_memory_bytes{")]
    assert places[1] == places[0] + 1


def test_one_exposition_stays_as_it_is() -> None:
    alone = a_process(2).exposition()
    assert exposition.merged([alone]) == alone
    assert samples(exposition.merged([alone, b""])) == samples(alone)


def test_every_gauge_is_either_an_amount_or_a_fact() -> None:
    """A new gauge must be thought of: is it added, or true once?"""
    registry = CollectorRegistry()
    Metrics(registry, version="", tensorflow_version="")
    gauges = {next(iter(one.describe())).name for one in list(registry._collector_to_names) if isinstance(one, Gauge)}
    assert {name for name in gauges if not name.endswith(("_info", "_state"))} == {
        "tfmodel_runtime_requests_in_flight",
        "tfmodel_runtime_version_memory_bytes",
        "tfmodel_runtime_batch_queue_requests",
        "tfmodel_runtime_handler_hanging_threads",
    }


def test_a_series_began_when_its_first_process_counted() -> None:
    def created(seconds: float) -> bytes:
        return f"# TYPE a_created gauge\na_created {seconds}\n".encode()

    assert value(exposition.merged([created(20.0), created(10.0)]), "a_created") == 10


def test_of_an_ended_process_only_counts_last() -> None:
    text = exposition.lasting([a_process(3, in_flight=2).exposition()])
    assert value(text, "tfmodel_runtime_requests_total", code="OK") == 3
    assert value(text, "tfmodel_runtime_request_duration_seconds_count") == 3
    for gone in (b"in_flight", b"version_state", b"memory", b"build_info"):
        assert gone not in text
    assert exposition.lasting([b"", b""]) == b""


def test_a_counter_joins_those_of_the_processes() -> None:
    text = exposition.merged([a_process(1).exposition(), exposition.counter("tfmodel_runtime_process_restarts", 2)])
    assert value(text, "tfmodel_runtime_process_restarts_total") == 2


def test_tensorflow_servings_form_is_kept() -> None:
    processes = [a_process(3), a_process(4)]
    text = exposition.merged([one.tfserving.exposition() for one in processes]).decode()
    assert ':tensorflow:serving:request_count{model_name="m",status="OK"} 7' in text
    assert ':tensorflow:serving:request_latency_count{model_name="m",API="predict",entrypoint="REST"} 7' in text
    assert text.count("# TYPE") == 5


def test_a_label_may_hold_spaces_and_hashes() -> None:
    line = b'# TYPE a counter\na_total{model="# x 7"} 2.0\n'
    assert exposition.merged([line, line]) == b'# TYPE a counter\na_total{model="# x 7"} 4.0\n'
