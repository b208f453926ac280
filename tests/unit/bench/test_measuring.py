"""When a server is measured."""

from comparison.measuring import settle


def settled_after(used: list[float]) -> int:
    """Seconds until a server is taken to be at rest that uses so many seconds of a core in each."""
    passed: list[float] = []
    settle(lambda: sum(used[: len(passed)]), passed.append)
    return len(passed)


def test_a_server_that_still_works_after_its_first_answer_is_waited_for() -> None:
    assert settled_after([0.9, 1.8, 0.01, 0.0]) == 3


def test_one_that_is_at_rest_is_measured_at_once() -> None:
    assert settled_after([0.02]) == 1


def test_one_that_never_rests_is_measured_all_the_same() -> None:
    assert settled_after([1.0] * 100) == 10
