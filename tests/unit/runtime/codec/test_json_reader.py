"""The exact reader of the JSON dialect: what faster readers refuse, and what is wrong with a document."""

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmodel_runtime.codec.json_reader import Reader
from tfmodel_runtime.codec.json_text import parse
from tfmodel_runtime.errors import InvalidInputError

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
)


@given(DOCUMENTS, st.booleans())
def test_it_reads_json_as_the_standard_library_does(document: object, ascii_only: bool) -> None:
    assert Reader(json.dumps(document, ensure_ascii=ascii_only)).root() == document


def test_depth_costs_no_stack() -> None:
    depth = 500_000
    assert parse(b'{"ignored": ' + b"[" * depth + b"]" * depth + b', "instances": [Inf, -Inf]}')["instances"] == [
        math.inf,
        -math.inf,
    ]


def test_of_two_keys_the_first_counts() -> None:
    assert parse(b'{"instances": [1], "instances": [2]}') == {"instances": [1]}


def test_numbers_beyond_64_bits_are_doubles() -> None:
    assert Reader("[18446744073709551615, 18446744073709551616, -0]").root() == [2**64 - 1, 2.0**64, 0]
    assert isinstance(Reader("18446744073709551616").root(), float)


def test_escapes() -> None:
    assert Reader(r'"\u0041\ud83d\ude00\u0000\/"').root() == "A\U0001f600\0/"


def test_half_a_surrogate_pair_is_refused_where_nobody_reads_it_too() -> None:
    for body in (r'{"instances": [1], "ignored": "\udbff"}', r'{"\uD800": 1, "instances": [NaN]}'):
        with pytest.raises(InvalidInputError, match="The surrogate pair in string is invalid"):
            parse(body.encode())
    assert parse(rb'{"a": "\ud83d\ude00", "instances": [NaN]}')["a"] == "\U0001f600"


BAD = [
    (" ", "The document is empty. at offset: 1"),
    ("[1", "Missing a comma or ] after an array element. at offset: 2"),
    ('{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
    ('{"a": 1 "b"', "Missing a comma or } after an object member. at offset: 8"),
    ("{1}", "Missing a name for object member. at offset: 1"),
    ("[1,]", "Invalid value. at offset: 3"),
    ("+1", "Invalid value."),
    (".5", "Invalid value."),
    ("[1.]", "Missing a comma or ]"),
    ("1e999", "Number too big to be stored in double."),
    ('"a', "Missing a closing quotation mark in string."),
    ('"\x01"', "Missing a closing quotation mark in string."),
    (r'"\x"', "Invalid escape character in string."),
    (r'"\u12"', "Incorrect hex digit after"),
    (r'"\ud800\u0041"', "The surrogate pair in string is invalid."),
    ("é", "Invalid value. at offset: 0"),
]


@pytest.mark.parametrize(("text", "told"), BAD, ids=[one[0] for one in BAD])
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(f"JSON Parse error: {told}")):
        Reader(text).root()


@given(st.text(alphabet='[]{}",:0123456789.eE+-truefalsnNIy\\u \n'))
def test_no_text_crashes_it(text: str) -> None:
    try:
        Reader(text).root()
    except InvalidInputError:
        return
