"""Requests that are counted together are counted as each would be alone."""

import pytest

from tfmodel_runtime.observability.tally import Tally

BOUNDS = (0.001, 0.01, 0.1)


@pytest.mark.parametrize("times", [[0.005], [0.006, 0.005, 0.002], [0.5, 0.02, 0.01, 0.0001]])
def test_requests_that_succeeded_together(times: list[float]) -> None:
    alone, together = Tally(BOUNDS), Tally(BOUNDS)
    for _ in range(2):
        together.add_all(times)
        for seconds in times:
            alone.add("OK", seconds)
    assert together.buckets == alone.buckets
    assert together.total == pytest.approx(alone.total)
    assert together.codes["OK"][0] == alone.codes["OK"][0] == 2 * len(times)
