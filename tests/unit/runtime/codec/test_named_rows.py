"""Bodies that name their inputs, read together: what comes out is what each alone gives."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.codec import named_rows, tfserving_json
from tfmodel_runtime.codec.named_rows import NamedRows
from tfmodel_runtime.engine.signature import Signature, TensorSpec

FLOAT = st.one_of(st.floats(width=32, allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53))
WHOLE = st.integers(-(10**15) + 1, 10**15 - 1)


def signature(**inputs: tuple[DataType, tuple[int, ...]]) -> Signature:
    specs = {alias: TensorSpec(alias, f"{alias}:0", kind, (-1, *row)) for alias, (kind, row) in sorted(inputs.items())}
    return Signature("serving_default", specs, {}, "")


FLOWER = signature(length=(DataType.FLOAT, ()), width=(DataType.FLOAT, (1,)), kind=(DataType.INT64, (2,)))
BODY = b'{"instances": [{"length": 5.1, "kind": [1, 2], "width": [3.3]}]}'


def known(body: bytes, form: Any = "row", taker: Signature = FLOWER) -> NamedRows:
    found = named_rows.like(body, form, taker)
    assert found is not None
    assert found.fits(taker)
    return found


def alone(bodies: list[bytes], taker: Signature = FLOWER) -> dict[str, Any]:
    found = [tfserving_json.feeds(tfserving_json.read(body), taker) for body in bodies]
    return {alias: np.concatenate([one[alias] for one in found]) for alias in taker.inputs}


def same(found: Any, wanted: dict[str, Any]) -> None:
    assert found is not None
    assert found.keys() == wanted.keys()
    for alias, array in wanted.items():
        np.testing.assert_array_equal(found[alias], array)
        assert found[alias].dtype == array.dtype


@given(st.lists(st.lists(st.tuples(FLOAT, FLOAT, WHOLE, WHOLE), min_size=2, max_size=2), min_size=1, max_size=5))
def test_rows_that_are_read_together_give_what_each_gives_alone(flowers: list[Any]) -> None:
    bodies = [
        json.dumps({"instances": [{"width": [b], "length": a, "kind": [c, d]} for a, b, c, d in rows]}).encode()
        for rows in flowers
    ]
    same(known(bodies[0]).read(bodies, FLOWER), alone(bodies))


@given(st.lists(st.tuples(*[st.lists(FLOAT, min_size=2, max_size=2)] * 2), min_size=1, max_size=5))
def test_columns_that_are_read_together_give_what_each_gives_alone(columns: list[Any]) -> None:
    taker = signature(a=(DataType.FLOAT, ()), b=(DataType.DOUBLE, (1,)))
    bodies = [json.dumps({"inputs": {"b": [[y] for y in b], "a": a}}).encode() for a, b in columns]
    wire = known(bodies[0], "columnar", taker)
    assert wire.rows == 2
    same(wire.read(bodies, taker), alone(bodies, taker))


def test_space_may_differ_and_nothing_else_but_numbers() -> None:
    wire = known(BODY)
    spaced = b' {"instances" :[\n{"length": -5e-1 ,"kind":[10,-2],"width":[ 3 ]}]}\r\n'
    assert wire.admits(spaced)
    same(wire.read([BODY, spaced], FLOWER), alone([BODY, spaced]))


@pytest.mark.parametrize(
    "other",
    [
        BODY.replace(b"width", b"Width"),
        BODY.replace(b"[3.3]", b"3.3"),
        BODY.replace(b"3.3", b"3.3, 4"),
        BODY.replace(b"5.1", b"NaN"),
        BODY.replace(b"5.1", b'"5.1"'),
        BODY.replace(b"5.1", b"true"),
        BODY.replace(b"[1, 2]", b"[1.0, 2]"),
        BODY.replace(b"[1, 2]", b"[1, 1000000000000000]"),
        BODY.replace(b'"kind": [1, 2], "width": [3.3]', b'"width": [3.3], "kind": [1, 2]'),
        BODY + b"}",
        b"",
    ],
)
def test_what_is_not_alike_is_not_admitted(other: bytes) -> None:
    assert not known(BODY).admits(other)


@pytest.mark.parametrize("wrong", [b"1.2.3", b"--1", b"1e", b"01", b"+1", b"1e999", b"-"])
def test_a_number_that_is_none_is_not_read_among_others(wrong: bytes) -> None:
    wire = known(BODY)
    body = BODY.replace(b"5.1", wrong)
    assert wire.admits(body)
    assert wire.read([BODY, body], FLOWER) is None
    same(wire.read([BODY], FLOWER), alone([BODY]))


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b"5.1", b'5.1, "length": 5.2'),
        BODY.replace(b"}]}", b'}], "context": 5}'),
        BODY.replace(b"5.1", b"null"),
        BODY.replace(b"5.1", b"NaN"),
        b'{"instances": [{"length": 5.1}]}',
        b'{"instances": [{"length": 5.1, "kind": [1, 2], "width": [3.3]}',
        b'{"inputs": {"length": 5.1, "kind": [[1, 2]], "width": [[3.3]]}}',
        b'{"inputs": {"length": [5.1, 5.2], "kind": [[1, 2]], "width": [[3.3]]}}',
        b'{"instances": []}',
        b"",
    ],
)
def test_a_body_that_holds_more_than_its_inputs_numbers_makes_no_kind(body: bytes) -> None:
    assert named_rows.like(body, "row", FLOWER) is None


def test_strings_and_many_numbers_make_no_kind() -> None:
    texts = signature(a=(DataType.FLOAT, ()), b=(DataType.STRING, ()))
    assert named_rows.like(b'{"instances": [{"a": 1, "b": "2"}]}', "row", texts) is None
    for count, is_kind in ((31, True), (32, False)):
        many = json.dumps({"instances": [{"a": 1, "b": [0.0] * count}]}).encode()
        taker = signature(a=(DataType.FLOAT, ()), b=(DataType.FLOAT, (count,)))
        assert (named_rows.like(many, "row", taker) is not None) == is_kind
    assert named_rows.like(BODY + b" " * 2048, "row", FLOWER) is None


@pytest.mark.parametrize(
    "taker",
    [
        signature(length=(DataType.FLOAT, ()), width=(DataType.FLOAT, (1,))),
        signature(length=(DataType.DOUBLE, ()), width=(DataType.FLOAT, (1,)), kind=(DataType.INT64, (2,))),
        signature(length=(DataType.FLOAT, ()), width=(DataType.FLOAT, (1,)), kind=(DataType.INT64, (3,))),
    ],
)
def test_another_signature_is_not_fitted(taker: Signature) -> None:
    assert not known(BODY).fits(taker)
