"""Made-up values are spread over their range, differ from row to row and input to input, and are the same each time."""

import numpy as np

from tfmodel_runtime.engine.scattered import Scattered


def test_fractions_are_spread_evenly_and_do_not_follow_each_other() -> None:
    drawn = Scattered(7).fractions((100, 1000))
    assert drawn.shape == (100, 1000)
    assert drawn.dtype == np.float64
    assert 0 <= drawn.min() < 1e-3
    assert 1 - 1e-3 < drawn.max() < 1
    counts, _ = np.histogram(drawn, 10, (0, 1))
    assert abs(counts - 10_000).max() < 500
    flat = drawn.ravel()
    assert abs(np.corrcoef(flat[:-1], flat[1:])[0, 1]) < 0.01


def test_what_is_drawn_next_differs_and_a_new_sequence_is_the_same() -> None:
    one, other = Scattered(7), Scattered(7)
    first, second = one.fractions((3,)), one.fractions((3,))
    assert not np.intersect1d(first, second).size
    assert other.fractions((3,)).tolist() == first.tolist()


def test_whole_numbers_take_each_value_below_their_end() -> None:
    drawn = Scattered(1).whole(3, (4, 50))
    assert drawn.dtype == np.int64
    assert set(drawn.ravel().tolist()) == {0, 1, 2}
