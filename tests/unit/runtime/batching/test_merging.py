"""Requests put together and taken apart again: nothing is lost, nothing changes."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmodel_runtime.batching import merging
from tfmodel_runtime.batching.merging import NotSplittableError
from tfmodel_runtime.batching.parameters import Parameters, parse
from tfmodel_runtime.errors import InvalidInputError


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 4))
def test_each_request_gets_its_own_rows_back(counts: list[int], surplus: int) -> None:
    requests = [{"x": np.full((count, 2), number, np.float32)} for number, count in enumerate(counts)]
    total = sum(counts) + surplus
    merged = merging.merge(requests, total)
    assert len(merged["x"]) == total
    for request, answer in zip(requests, merging.split(merged, counts, total), strict=True):
        np.testing.assert_array_equal(answer["x"], request["x"])


@given(st.integers(0, 20), st.integers(1, 7))
def test_slices_joined_are_the_request(count: int, most: int) -> None:
    feeds = {"x": np.arange(count * 2).reshape(count, 2)}
    np.testing.assert_array_equal(merging.joined(merging.slices(feeds, count, most))["x"], feeds["x"])


def test_short_rows_are_padded_with_their_first_value() -> None:
    merged = merging.merge([{"x": np.array([[7, 1]])}, {"x": np.array([[3, 4, 5]])}], 2)
    assert merged["x"].tolist() == [[7, 1, 7], [3, 4, 5]]
    texts = [{"x": np.array([[b"a"]], object)}, {"x": np.array([[b"b", b"c"]], object)}]
    assert merging.merge(texts, 2)["x"].tolist() == [[b"a", b"a"], [b"b", b"c"]]


def test_what_has_no_rows_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least one dimension"):
        merging.rows({"x": np.array(1)})
    with pytest.raises(InvalidInputError, match="equal 0th-dimension size"):
        merging.rows({"x": np.zeros(1), "y": np.zeros(2)})
    with pytest.raises(NotSplittableError):
        merging.split({"y": np.array(1)}, [1], 1)


def test_parameters_are_read_from_text() -> None:
    found = parse(
        "max_batch_size { value: 128 } batch_timeout_micros { value: 5000 } max_enqueued_batches { value: 3 } "
        "num_batch_threads { value: 2 } thread_pool_name { value: 'pool' } allowed_batch_sizes: 4 allowed_batch_sizes: 128 pad_variable_length_inputs: true"
    )
    assert found == Parameters(128, 0.005, 3, 2, (4, 128), pads=True)
    assert (found.rows_to_run(3), found.rows_to_run(5), found.rows_to_run(200)) == (4, 128, 200)
    assert parse("") == Parameters(1000, 0.0, 10, os.cpu_count() or 1)
    split = parse("enable_large_batch_splitting { value: true } max_execution_batch_size { value: 64 }")
    assert (split.max_rows, split.splits) == (64, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "Error parsing text-format"),
        ("max_batch_size { value: 0 }", "max_batch_size must be at least 1"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be at least 0"),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be at least 1"),
        ("allowed_batch_sizes: 4 allowed_batch_sizes: 2", "monotonically increasing"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 4", "must equal max_batch_size"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        parse(text)
