"""How often pods are asked at rest: bounded for all together, whatever is in the cluster."""

from datetime import timedelta

import pytest

from tfmodel_operator.polling import ASKED_EACH_SECOND, ask_again

EACH = timedelta(seconds=30)


@pytest.mark.parametrize("models", [1, 100, 600, 1000, 20_000])
def test_all_together_are_asked_no_more_than_so_often(models: int) -> None:
    waits = [ask_again(EACH, models).total_seconds() for _ in range(500)]
    asked_each_second = sum(models / wait for wait in waits) / len(waits)
    assert asked_each_second < 1.1 * ASKED_EACH_SECOND
    assert min(waits) >= 0.8 * EACH.total_seconds()


def test_they_are_not_asked_all_at_once() -> None:
    assert len({ask_again(EACH, 1) for _ in range(20)}) > 10
