"""JSON objects as tf.Examples: section 4 of the contract."""

import json
import math
from typing import Any

import pytest

from tfmodel.wire import messages
from tfmodel_runtime.codec import examples_json
from tfmodel_runtime.errors import InvalidInputError

FEATURES: list[tuple[str, str, list[Any]]] = [
    ("1", "int64_list", [1]),
    ("[1, -2]", "int64_list", [1, -2]),
    ("[true, false, 3]", "int64_list", [1, 0, 3]),
    ("1.5", "float_list", [1.5]),
    ("[1e0, 2.0]", "float_list", [1.0, 2.0]),
    ("[Infinity, 1e39]", "float_list", [math.inf, math.inf]),
    ('"a"', "bytes_list", [b"a"]),
    ('["a", {"b64": "AP8="}]', "bytes_list", [b"a", b"\x00\xff"]),
]


def features(text: str) -> Any:
    (example,) = examples_json.read(b'{"examples": [{"f": %s}]}' % text.encode()).examples
    return messages.Example.FromString(example).features.feature


@pytest.mark.parametrize(("text", "kind", "values"), FEATURES, ids=[one[0] for one in FEATURES])
def test_a_feature_has_the_kind_of_its_token(text: str, kind: str, values: list[Any]) -> None:
    feature = features(text)["f"]
    assert feature.WhichOneof("kind") == kind
    assert list(getattr(feature, kind).value) == values


def test_an_empty_list_is_a_feature_without_values() -> None:
    assert features("[]")["f"].WhichOneof("kind") is None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([1, "a"], "Unexpected element type in feature: f expecting type: int64"),
        ([1.0, 1], "Unexpected element type in feature: f expecting type: float"),
        (["a", True], "Unexpected element type in feature: f expecting type: bytes"),
        (None, "Feature: f has element with unexpected JSON type: Null"),
        ({"b64": "YQ==", "more": 1}, "Feature: f has element with unexpected JSON type: Object"),
        (2**63, "Feature: f has uint64_t element. Only int64_t is supported."),
    ],
)
def test_what_is_no_feature_is_refused(value: Any, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        features(json.dumps(value))


def test_a_context_is_an_example_too() -> None:
    found = examples_json.read(b'{"signature_name": "s", "context": {"c": 1}, "examples": [{}]}')
    assert found.signature_name == "s"
    context = messages.Example.FromString(found.context)
    assert list(context.features.feature["c"].int64_list.value) == [1]
