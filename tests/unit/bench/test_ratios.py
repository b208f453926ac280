"""Ratios to the best peer and to the graph in process, the goals that follow from them, and the report's tables."""

from dataclasses import replace

import pytest

from comparison import report
from comparison.goals import Goal, goals
from comparison.ratios import Ratio, Share, ratios, shares
from comparison.results import Cell, Failure, Limit, Results, Start, joined

OURS = Cell("tfmodel", "iris", "rest", 8, 0, 9000.0, 0.8, 2.0, 0.1, 0, 1.5)
FAST = replace(OURS, server="fast", requests_per_second=1000.0, p99_ms=10.0, cpu_ms=0.9)
EVEN = replace(OURS, server="even", requests_per_second=500.0, p99_ms=8.0, cpu_ms=0.8)


def goal(results: Results, begin: str) -> Goal:
    return next(one for one in goals(results) if one.what.startswith(begin))


def test_each_figure_is_compared_with_the_peer_that_is_best_in_it() -> None:
    (found,) = ratios(Results(cells=[EVEN, OURS, FAST]))
    assert found == Ratio("iris", "rest", 8, "fast", 9.0, 0.25, 8.0)


def test_the_best_round_counts_for_all_servers() -> None:
    slower = [replace(cell, round=1, requests_per_second=cell.requests_per_second / 2) for cell in (OURS, FAST)]
    (found,) = ratios(Results(cells=[*slower, OURS, FAST]))
    assert found.requests == 9.0


def test_a_round_with_errors_does_not_count() -> None:
    wrong = replace(FAST, requests_per_second=50_000.0, errors=1, round=1)
    (found,) = ratios(Results(cells=[OURS, FAST, wrong]))
    assert found.requests == 9.0


def test_without_a_peer_there_is_no_ratio() -> None:
    assert ratios(Results(cells=[OURS])) == []


def test_the_limit_is_the_best_call_of_no_more_rows_than_connections() -> None:
    limits = [
        Limit("iris", 0, 1, 6000.0, 0.16),
        Limit("iris", 0, 8, 18_000.0, 0.05),
        Limit("iris", 0, 32, 90_000.0, 0.01),
    ]
    assert shares(Results(cells=[OURS], limits=limits)) == [Share("iris", "rest", 8, 0.5, 0.5)]


def test_a_goal_is_measured_by_its_worst_cell() -> None:
    more = [replace(OURS, connections=32, requests_per_second=8000.0), replace(FAST, connections=32)]
    found = goal(Results(cells=[OURS, FAST, *more]), "requests/s: Iris REST")
    assert (found.measured, found.is_reached) == (8.0, False)


def test_a_goal_that_is_just_met_is_reached() -> None:
    found = goal(Results(cells=[OURS, FAST]), "requests/s: Iris REST")
    assert (found.needed, found.measured, found.is_reached) == ("≥ 9", 9.0, True)


def test_a_goal_without_its_cells_is_not_measured() -> None:
    found = goal(Results(cells=[OURS, FAST]), "requests/s: MNIST gRPC")
    assert (found.measured, found.is_reached) == (None, None)


def test_p99_is_compared_with_the_least_of_any_peer() -> None:
    found = goal(Results(cells=[OURS, FAST, EVEN]), "p99 at 8 connections: Iris")
    assert (found.measured, found.is_reached) == (0.25, True)


def test_cold_start_and_memory_are_compared_with_the_least_of_any_peer() -> None:
    starts = [
        Start("tfmodel", "iris", 0, 3.0, 400.0, 420.0, 1),
        Start("tfmodel", "iris", 1, 1.2, 300.0, 420.0, 1),
        Start("fast", "iris", 0, 9.0, 600.0, 700.0, 3),
        Start("even", "iris", 0, 12.0, 500.0, 700.0, 1),
    ]
    results = Results(starts=starts)
    assert goal(results, "cold start, Iris, to").measured == pytest.approx(1.2 / 9.0)
    assert goal(results, "cold start, Iris, seconds").is_reached
    assert goal(results, "memory").measured == pytest.approx(0.6)


def test_results_come_back_from_their_json() -> None:
    results = Results({"cores": 2}, {"fast": "fast 1.0"}, [OURS], [], [], [Failure("even", "no wheel")])
    assert Results.from_json(results.to_json()) == results


def test_joined_runs_hold_all_and_name_the_highest_load() -> None:
    lost = Failure("even", "no wheel")
    runs = [
        Results({"load_most": 2.0}, cells=[OURS], failures=[lost]),
        Results({"load_most": 7.0}, cells=[FAST], failures=[lost]),
    ]
    whole = joined(runs)
    assert (whole.cells, whole.failures, whole.machine["load_most"]) == ([OURS, FAST], [lost], 7.0)


def test_the_report_names_servers_by_speed_and_what_failed_with_its_reason() -> None:
    results = Results(cells=[EVEN, FAST, OURS], failures=[Failure("lost", "no wheel", "iris", "grpc")])
    text = report.markdown(results)
    lines = [line for line in text.splitlines() if "[" in line and line.startswith("| ")]
    assert [line.split(" | ")[0] for line in lines] == ["| tfmodel", "| fast", "| even"]
    assert "| tfmodel | 9000 (0.80 / 2.00) [0.100] |" in text
    assert "- lost, iris, gRPC: no wheel" in text
    assert "| iris REST c=8 | 9.00x (fast) | 0.25 | 8.00x | - | - |" in text


def test_rounds_with_errors_are_named_in_the_report() -> None:
    text = report.markdown(Results(cells=[OURS, replace(FAST, errors=4, round=1)]))
    assert "- fast, iris REST c=8: 4 errors in round 2" in text
