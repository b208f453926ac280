"""The simulation of replicas keeps to what queueing theory says, and the autoscaler to Kubernetes' rule."""

import pytest

from comparison.scaling import Autoscaler, Work, grows, settles, under_load

TOGETHER = Work(batch_ms=0.2, row_ms=0.03, most_rows=64)
ALONE = Work(batch_ms=0.0, row_ms=10.0, most_rows=1)
PAIR = Work(batch_ms=0.0, row_ms=10.0, most_rows=1, slots=2)


def test_a_queue_with_one_slot_is_as_long_as_theory_says() -> None:
    seen = under_load(ALONE, 0.5, requests=100_000)
    assert seen.in_flight == pytest.approx(0.75, rel=0.05)  # Pollaczek-Khinchine for M/D/1: rho + rho^2 / (2 (1 - rho))


def test_cpu_is_the_load_where_requests_run_alone() -> None:
    assert under_load(PAIR, 0.7).busy == pytest.approx(0.7, rel=0.02)


def test_cpu_says_little_where_requests_run_together() -> None:
    seen = under_load(TOGETHER, 0.25)
    assert seen.busy > 0.85


def test_more_load_waits_longer() -> None:
    waits = [under_load(ALONE, load).p99_ms for load in (0.2, 0.5, 0.8, 0.9)]
    assert waits == sorted(waits)


def test_capacity_counts_slots_and_rows() -> None:
    assert PAIR.capacity == 2 * ALONE.capacity == 200.0
    assert TOGETHER.capacity == pytest.approx(64 / 2.12 * 1e3)


@pytest.mark.parametrize(
    ("replicas", "total", "wanted"),
    [(4, 4 * 0.70, 4), (4, 4 * 0.75, 4), (4, 4 * 0.84, 5), (1, 30.0, 5), (10, 300.0, 20), (4, 0.7, 1)],
)
def test_the_autoscaler_keeps_kubernetes_rule(replicas: int, total: float, wanted: int) -> None:
    assert Autoscaler("cpu", 0.7).wanted(replicas, total) == wanted


def test_cpu_asks_for_more_replicas_than_requests_that_run_together_need() -> None:
    by_cpu = settles(Autoscaler("cpu", 0.7), TOGETHER, 0.5)
    assert (by_cpu, settles(Autoscaler("in_flight", 16.0), TOGETHER, 0.5)) == (4, 1)


def test_requests_in_flight_are_seen_sooner_than_cpu_where_a_load_grows() -> None:
    def after(metric: str, target: float) -> int:
        seconds = grows(Autoscaler(metric, target), PAIR, before=0.5, after=4.0, most_in_flight=1024).enough_after_s
        assert seconds is not None
        return seconds

    assert after("in_flight", 8.0) < after("cpu", 0.7)


def test_pods_that_start_sooner_refuse_less() -> None:
    def refused(start_s: int) -> float:
        scaler = Autoscaler("in_flight", 8.0, start_s)
        return grows(scaler, PAIR, before=0.5, after=4.0, most_in_flight=1024).refused

    assert refused(3) < refused(30)
