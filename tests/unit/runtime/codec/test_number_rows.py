"""Bodies of one kind, read as one list and answered from one text: what comes out is what each alone gives."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.codec import number_rows, tfserving_json
from tfmodel_runtime.codec.number_rows import NumberRows, kind
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.errors import InvalidInputError

NUMBER = st.one_of(st.floats(width=32, allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53))


def signature(*row: int) -> Signature:
    spec = TensorSpec("x", "x:0", DataType.FLOAT, (-1, *row))
    return Signature("serving_default", {"x": spec}, {"y": spec}, "")


def known(body: bytes, wanted: Signature) -> NumberRows:
    """How bodies like this one are read, after it was read twice the usual way."""
    for _ in range(2):
        request = tfserving_json.read(body)
        tfserving_json.feeds(request, wanted)
    assert request.plain is not None
    found = number_rows.like(body, request.plain)
    assert found is not None
    assert found.fits(wanted)
    return found


def bodies(instances: list[Any]) -> list[bytes]:
    return [json.dumps({"instances": one}).encode() for one in instances]


@given(st.lists(st.lists(st.tuples(NUMBER, NUMBER), min_size=2, max_size=2), min_size=1, max_size=6))
def test_bodies_that_are_read_together_give_what_each_gives_alone(rows: list[Any]) -> None:
    wanted = signature(2)
    wire = known(b'{"instances": [[1, 2], [3, 4]]}', wanted)
    together = wire.read(bodies(rows), wanted)
    assert together is not None
    alone = [tfserving_json.feeds(tfserving_json.read(body), wanted)["x"] for body in bodies(rows)]
    np.testing.assert_array_equal(together["x"], np.concatenate(alone))
    assert together["x"].dtype == np.float32


@pytest.mark.parametrize(
    "wrong",
    [
        "[[1.2.3, 4]]", "[[1, ]]", "[[, 1]]", "[[1 2, 3]]", "[[--1, 2]]", "[[1e, 2]]", "[[01, 2]]", "[[+1, 2]]",
        "[[1, 2]]5", "[[1, 2]5]",
    ],
)  # fmt: skip
def test_a_body_that_is_not_what_it_seems_is_not_read_among_others(wrong: str) -> None:
    wanted = signature(2)
    good = b'{"instances": [[1, 2]]}'
    wire = known(good, wanted)
    body = b'{"instances": %b}' % wrong.encode()
    assert kind(body) == kind(good)
    assert wire.read([good, body, good], wanted) is None
    assert wire.read([good, good], wanted) is not None


@pytest.mark.parametrize(
    "other",
    [
        b'{"instances":[[1, 2]]}',
        b'{"inputs": [[1, 2]]}',
        b'{"instances": [[1], [2]]}',
        b'{"instances": [[1, 2]], "signature_name": "serving_default"}',
        b'{"instances": [[1, true]]}',
        b'{"instances": 5[[1, 2]]}',
        b"",
    ],
)
def test_other_bodies_are_of_another_kind(other: bytes) -> None:
    assert kind(other) != kind(b'{"instances": [[1, 2]]}')


def test_what_stands_after_the_lists_must_be_the_same() -> None:
    wire = known(b'{"instances": [[1, 2]]}', signature(2))
    assert wire.admits(b'{"instances": [[3, 4]]}')
    assert not wire.admits(b'{"instances": [[3, 4]]}\n')


def test_lists_that_stand_in_names_are_none() -> None:
    body = b'{"signature_name": "a[1]", "instances": [[1, 2]]}'
    wanted = signature(2)
    for _ in range(2):
        request = tfserving_json.read(body)
        tfserving_json.feeds(request, wanted)
    assert request.plain is not None
    assert number_rows.like(body, request.plain) is None


@pytest.mark.parametrize("row", [(), (3,), (2, 2), (2, 0), (1, 1, 2)])
@pytest.mark.parametrize("rows", [1, 2])
def test_answers_that_are_written_together_are_those_written_alone(row: tuple[int, ...], rows: int) -> None:
    wire = known(json.dumps({"instances": [1.5] * rows}).encode(), signature())
    outputs = {"y": np.arange(3 * rows * int(np.prod(row)), dtype=np.float32).reshape(3 * rows, *row) / 7}
    alone = [tfserving_json.answer("row", {"y": outputs["y"][rows * n : rows * (n + 1)]}) for n in range(3)]
    assert wire.write_all(outputs, 3) == alone


@pytest.mark.parametrize("form", ["row", "columnar"])
@pytest.mark.parametrize("rows", [1, 2])
def test_several_outputs_of_any_type_are_written_together_as_alone(form: Any, rows: int) -> None:
    outputs: dict[str, Any] = {
        "y": np.array([1, np.nan, 2, np.inf] * rows, np.float32),
        "z %d": np.arange(8 * rows).reshape(4 * rows, 2),
        "name": np.array([b"a", b"\xff", b'"', b"100%"] * rows, object),
        "raw_bytes": np.array([[b"\x00"]] * 4 * rows, object),
    }
    parts = [{alias: array[rows * n : rows * (n + 1)] for alias, array in outputs.items()} for n in range(4)]
    assert tfserving_json.answers(form, outputs, 4) == [tfserving_json.answer(form, part) for part in parts]


def test_outputs_without_a_json_form_are_refused_as_alone() -> None:
    wire = known(b'{"instances": [1.5]}', signature())
    with pytest.raises(InvalidInputError, match="tensor type: half"):
        wire.write_all({"y": np.array([1, 2], np.float16)}, 2)
