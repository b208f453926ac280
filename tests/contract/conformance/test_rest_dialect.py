"""REST as TensorFlow Serving answers it, byte by byte: sections 1 to 3, 5 and 6 of the contract."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from testkit.raw_http import Answer

Send = Callable[..., Answer]
HALF = "/v1/models/half:predict"
ROW = b'{"instances": [1]}'

URLS = [
    ("GET", "/v1/models/half?x=1", 404, "Could not find any versions of model half?x=1"),
    ("GET", "/v1/models/half%20x/metadata", 404, "Servable not found for request: Latest(half x)"),
    ("GET", "/v1/models/half+x/metadata", 404, "Servable not found for request: Latest(half+x)"),
    ("POST", "/v1/models/half/labels/a%2Fb:predict", 400, "Unrecognized servable version label: a/b"),
    ("POST", "/v1/models/none/labels/x:predict", 400, "Unrecognized servable version label: x"),
    ("GET", "/v1/models/half/labels/x/metadata", 400, "Unrecognized servable version label: x"),
    ("POST", "/v1/models/half/versions/9:predict", 404, "Servable not found for request: Specific(half, 9)"),
    ("POST", "/v1/models/half:predict?x=1", 400, "Malformed request: POST /v1/models/half:predict?x=1"),
    ("POST", "/v1/models/half/metadata", 400, "Malformed request: POST /v1/models/half/metadata"),
    ("POST", "/v1/models/half", 400, "Malformed request: POST /v1/models/half"),
    ("GET", "/v1/models/half/", 400, "Malformed request: GET /v1/models/half/"),
    ("GET", "/v1/models/half/version/1", 400, "Malformed request: GET /v1/models/half/version/1"),
    ("GET", "/v1/models/half/versions/one", 400, "Malformed request: GET /v1/models/half/versions/one"),
    ("POST", "/v1/models/half/versions/1/labels/a:predict", 400, "Malformed request: POST /v1/models/half/versions/1/"),
    ("POST", "/v1/models/half:regress", 400, "key 'examples' is expected and was not found"),
    ("POST", "/v1/models/none:classify", 400, "key 'examples' is expected and was not found"),
]


@pytest.mark.parametrize(("method", "path", "status", "told"), URLS, ids=[f"{one[0]} {one[1]}" for one in URLS])
def test_a_path_is_answered_as_its_grammar_says(send: Send, method: str, path: str, status: int, told: str) -> None:
    found = send(method, path, ROW if method == "POST" else b"")
    assert found.status == status
    assert told in json.loads(found.body)["error"]


@pytest.mark.parametrize(
    ("path", "value"),
    [("", 3.5), ("/versions/1", 2.5), ("/versions/0001", 2.5), ("/labels/stable", 2.5), ("/labels/also%20stable", 2.5)],
)
def test_the_newest_version_answers_unless_another_is_named(send: Send, path: str, value: float) -> None:
    found = send("POST", f"/v1/models/half{path}:predict", ROW)
    assert (found.status, json.loads(found.body)) == (200, {"predictions": [value]})


NINES = b"[" * 500_000 + b"]" * 500_000
ACCEPTED = [
    (b'{"ignored": ' + NINES + b', "instances": [1]}', [3.5]),
    (b'\xef\xbb\xbf\t\r\n {"instances": [1]} \x00 anything', [3.5]),
    (b'{"instances": [1], "instances": [9, 9]}', [3.5]),
    (b'{"instances": [Inf, -Inf, Infinity, -Infinity]}', [float("inf"), float("-inf")] * 2),
    (b'{"instances": [18446744073709551616, 1e-400]}', [9.223372036854775808e18, 3.0]),
    (b'{"instances": [3e38, 1e39, 1e-50]}', [1.5e38, float("inf"), 3.0]),
    (b'{"instances": [[1, 3], [5, 7]]}', [[3.5, 4.5], [5.5, 6.5]]),
    (b'{"signature_name": "", "instances": [1]}', [3.5]),
]


@pytest.mark.parametrize(("body", "wanted"), ACCEPTED, ids=[repr(one[0])[-40:] for one in ACCEPTED])
def test_the_dialect_takes_it(send: Send, body: bytes, wanted: list[Any]) -> None:
    found = send("POST", HALF, body)
    assert found.status == 200, found.body[:300]
    np.testing.assert_allclose(json.loads(found.body)["predictions"], wanted, rtol=1e-6)


REFUSED = [
    (b"", "JSON Parse error: The document is empty"),
    (b"[1]", "JSON Value: [1] Is not object"),
    *((b'{"instances": [%s]}' % token, "JSON Parse error: ") for token in (b"nan", b"infinity", b"+1", b"0x1", b".5")),
    *((b'{"instances": [%s]}' % token, "JSON Parse error: ") for token in (b"1.", b"01", b"1,", b"/* */ 1", b"-nan")),
    (b'{"instances": [1e999]}', "Number too big to be stored in double. at offset: "),
    (b'{"instances": ["a\x01"]}', "JSON Parse error: "),
    (b'{"instances": ["\\ud800"]}', "JSON Parse error: The surrogate pair in string is invalid."),
    (b'{"instances": [1], \xff}', "JSON Parse error: "),
    (b'{"instances": [[1, 2], [3]]}', "Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 1"),
    (b'{"inputs": [[1, 2], 3]}', "JSON Value: 3 found at incorrect level: 2"),
    (b'{"signature_name": 1, "instances": [1]}', "'signature_name' key must be a string value."),
    (b'{"signature_name": "no", "instances": [1]}', 'Serving signature name: "no" not found in signature def'),
]


@pytest.mark.parametrize(("body", "told"), REFUSED, ids=[repr(one[0])[:40] for one in REFUSED])
def test_the_dialect_refuses_it_with_its_words(send: Send, body: bytes, told: str) -> None:
    found = send("POST", HALF, body)
    assert found.status == 400
    assert told in json.loads(found.body)["error"]


ORDER = [
    (b"{", 400, "JSON Parse error"),
    (b'{"signature_name": 1}', 400, "must be a string"),
    (b"{}", 404, "Latest(none)"),
    (b'{"instances": ["a"], "inputs": 1}', 404, "Latest(none)"),
]


@pytest.mark.parametrize(("body", "status", "told"), ORDER, ids=[one[0].decode() for one in ORDER])
def test_the_body_is_read_before_and_its_values_after_the_model_is_looked_up(
    send: Send, body: bytes, status: int, told: str
) -> None:
    found = send("POST", "/v1/models/none:predict", body)
    assert (found.status, told in json.loads(found.body)["error"]) == (status, True)


def test_bytes_that_are_no_utf_8_go_through_strings_both_ways(send: Send) -> None:
    body = b'{"signature_name": "text", "inputs": ["\xff", "a\\u0000b", "\xc3\xa9", "\\u00e9"]}'
    found = send("POST", "/v1/models/types:predict", body)
    assert found.status == 200
    assert b'["\xff\xff","a\\u0000ba\\u0000b","\xc3\xa9\xc3\xa9","\xc3\xa9\xc3\xa9"]' in found.body


def test_an_answer_is_laid_out_in_four_spaces_and_floats_have_a_point(send: Send) -> None:
    assert send("POST", HALF, b'{"inputs": [1, 2]}').body == b'{\n    "outputs": [3.5,4.0]\n}'
    several = send("POST", "/v1/models/every:predict", b'{"inputs": [[1e10, 0.1]]}').body
    assert b'{\n    "outputs": {\n        "doubled": [[20000000000.0,0.2]],\n        "largest": [0],\n' in several


@pytest.mark.parametrize(("form", "status"), [("instances", 400), ("inputs", 501)])
def test_a_type_without_json_is_an_error_of_the_row_or_unimplemented(send: Send, form: str, status: int) -> None:
    found = send("POST", "/v1/models/types:predict", b'{"signature_name": "halves", "%s": [1]}' % form.encode())
    assert (found.status, "Conversion of JSON Value: 1 to type: half" in json.loads(found.body)["error"]) == (
        status,
        True,
    )


MODELS = [
    ("every", b'{"inputs": []}', 400, ""),
    ("half", b'{"inputs": []}', 200, '"outputs": []'),
    ("pairs", b'{"instances": [[1, 2, 3]]}', 400, "Matrix size-incompatible"),
    ("pairs", b'{"inputs": {"x": [[1, 2]], "extra": "ignored"}}', 200, '"outputs": [12.0]'),
    ("defaults", b'{"instances": [{"x": 1}]}', 400, "keys must be equal to: "),
    ("defaults", b'{"inputs": {"x": [1]}}', 400, "Missing named input: scale in 'inputs' object."),
    ("defaults", b'{"inputs": {"x": [1, 2, 3], "scale": 2}}', 200, '"y": [2.0,4.0,6.0]'),
    ("defaults", b'{"instances": [{"x": 1, "scale": 2}]}', 200, '{"scale": 2.0, "y": 2.0}'),
    ("flowers", b'{"instances": [1]}', 400, "expecting list of objects"),
    ("files", b'{"instances": ["/no/such/file"]}', 404, "/no/such/file; No such file or directory"),
    ("types", b'{"signature_name": "checked", "instances": [-1]}', 400, "{{node "),
    ("types", b'{"signature_name": "text", "instances": [{"b64": "!"}]}', 400, "Unable to base64 decode"),
    ("types", b'{"signature_name": "text", "instances": [{"b64": "YQ==="}]}', 400, "Unable to base64 decode"),
    ("types", b'{"signature_name": "text", "inputs": {"b64": "YQ"}}', 200, '"twice": "aa"'),
    ("types", b'{"signature_name": "text", "instances": [{"b64": "YQ==", "a": 1}]}', 400, "named input: "),
    ("half", b'{"instances": [{"b64": "YQ=="}]}', 400, "Type: Object is not of expected type: float"),
    ("graph", b'{"instances": ["dog", "cat", "cow"]}', 200, '"predictions": [1,0,-1]'),
]


@pytest.mark.parametrize(("model", "body", "status", "told"), MODELS, ids=[one[1].decode() for one in MODELS])
def test_a_model_answers_or_refuses(send: Send, model: str, body: bytes, status: int, told: str) -> None:
    found = send("POST", f"/v1/models/{model}:predict", body)
    assert found.status == status, found.body
    assert told in found.body.decode().replace('\\"', '"')


def test_long_values_are_cut_in_texts(send: Send) -> None:
    found = json.loads(send("POST", HALF, b"[" + b"1," * 10_000 + b"1]").body)["error"]
    assert len(found) < 300


def test_a_label_in_a_question_for_the_status_is_ignored(send: Send) -> None:
    for path in ("/v1/models/half", "/v1/models/half/labels/none"):
        found = send("GET", path)
        assert found.status == 200
        versions = json.loads(found.body)["model_version_status"]
        assert [(one["version"], one["state"]) for one in versions] == [("2", "AVAILABLE"), ("1", "AVAILABLE")]


def test_metadata_follow_version_and_label_and_show_every_field(send: Send) -> None:
    for path, version in (("", "2"), ("/versions/1", "1"), ("/labels/stable", "1")):
        told = json.loads(send("GET", f"/v1/models/half{path}/metadata").body)
        assert told["model_spec"] == {"name": "half", "signature_name": "", "version": version}
    signatures = told["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["defaults"] == {}
    assert set(signatures) == {"serving_default", "scalar", "__saved_model_init_op"}
    initialiser = signatures["__saved_model_init_op"]["outputs"]["__saved_model_init_op"]
    assert initialiser["dtype"] == "DT_INVALID"
    assert initialiser["tensor_shape"] == {"dim": [], "unknown_rank": True}


def test_a_body_that_inflates_beyond_100_mb_is_an_empty_one(send: Send) -> None:
    body = gzip.compress(b'{"instances": [1]' + b" " * (100 * 2**20) + b"}", 1)
    found = send("POST", HALF, body, b"Content-Encoding: gzip")
    assert (found.status, "The document is empty" in json.loads(found.body)["error"]) == (400, True)


def test_what_a_client_would_accept_changes_nothing(send: Send) -> None:
    headers = (b"Accept: text/html", b"Accept-Encoding: gzip", b"Content-Type: application/x-www-form-urlencoded")
    found = send("POST", HALF, ROW, *headers)
    assert (found.status, json.loads(found.body)) == (200, {"predictions": [3.5]})
    assert found.headers["content-type"] == "application/json"
    assert "content-encoding" not in found.headers
