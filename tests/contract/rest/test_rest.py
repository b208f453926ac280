"""TensorFlow Serving's REST API over a real socket: sections 1, 3, 5, 6 and 7 of the contract."""

import gzip
import http.client
from typing import Any

import pytest

from testkit.served import Served


def test_predict_in_rows_and_columns(half: Served) -> None:
    assert half.ask("/v1/models/half:predict", {"instances": [1, 2, 5]}) == (200, {"predictions": [2.5, 3.0, 4.5]})
    assert half.ask("/v1/models/half/versions/1:predict", {"inputs": {"x": [1]}}) == (200, {"outputs": [2.5]})
    scalar = {"signature_name": "scalar", "inputs": 1}
    assert half.ask("/v1/models/half:predict", scalar) == (200, {"outputs": 2.5})


def test_several_outputs_strings_and_bytes(types: Served) -> None:
    status, answer = types.ask("/v1/models/m:predict", {"signature_name": "text", "instances": ["a", {"b64": "Yg=="}]})
    assert status == 200
    assert answer["predictions"] == [
        {"id": 1, "raw_bytes": {"b64": "YQ=="}, "twice": "aa"},
        {"id": 2, "raw_bytes": {"b64": "Yg=="}, "twice": "bb"},
    ]


def test_status_tells_every_version(half: Served) -> None:
    assert half.ask("/v1/models/half") == (
        200,
        {
            "model_version_status": [
                {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
            ]
        },
    )


def test_metadata_tells_the_signatures(half: Served) -> None:
    status, answer = half.ask("/v1/models/half/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "half", "signature_name": "", "version": "1"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert signature["inputs"]["x"]["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert signature["method_name"] == "tensorflow/serving/predict"


ERRORS: list[tuple[str, Any, int, str]] = [
    ("/v1/models/none:predict", {"instances": [1]}, 404, "Servable not found for request: Latest(none)"),
    ("/v1/models/half/versions/9:predict", {"instances": [1]}, 404, "Specific(half, 9)"),
    ("/v1/models/half/labels/x:predict", {"instances": [1]}, 400, "Unrecognized servable version label: x"),
    ("/v1/models/half:predict", {"signature_name": "no", "instances": [1]}, 400, 'signature name: "no" not found'),
    ("/v1/models/half:predict", {"instances": ["a"]}, 400, "not of expected type: float"),
    ("/v1/models/half:predict", b"", 400, "document is empty"),
    ("/v1/models/half:predict", b"{", 400, "JSON Parse error"),
    ("/v1/models/none:predict", b"{", 400, "JSON Parse error"),
    ("/v1/models/half:guess", {}, 400, "Malformed request: POST /v1/models/half:guess"),
    ("/v1/models/none", None, 404, "Could not find any versions of model none"),
    ("/v1/models/half/versions/7", None, 404, "Could not find version 7 of model half"),
    ("/v1/models/none/metadata", None, 404, "Servable not found for request: Latest(none)"),
    ("/v1/models", None, 400, "Missing model name"),
    ("/v1", None, 404, "Not Found"),
]


@pytest.mark.parametrize(("path", "body", "status", "told"), ERRORS, ids=[f"{one[0]}-{one[3]}" for one in ERRORS])
def test_an_error_has_its_status_and_words(half: Served, path: str, body: Any, status: int, told: str) -> None:
    found, answer = half.ask(path, body)
    assert found == status
    assert told in answer["error"]


def test_an_op_that_fails_is_the_clients_error(types: Served) -> None:
    status, answer = types.ask("/v1/models/m:predict", {"signature_name": "checked", "instances": [-1]})
    assert status == 400
    assert "x must be positive" in answer["error"]


def test_gzip_bodies_are_inflated(half: Served) -> None:
    body = gzip.compress(b'{"instances": [1]}')
    headers = {"Content-Encoding": "gzip"}
    assert half.ask("/v1/models/half:predict", body, **headers) == (200, {"predictions": [2.5]})
    status, answer = half.ask("/v1/models/half:predict", b"no gzip", **headers)
    assert (status, "document is empty" in answer["error"]) == (400, True)


def test_the_content_type_is_json_without_a_charset_and_the_connection_is_kept(half: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", half.rest_port, timeout=10)
    for body in ('{"instances": [1]}', "{"):
        connection.request("POST", "/v1/models/half:predict", body, {"Content-Type": "text/nonsense"})
        answer = connection.getresponse()
        answer.read()
        assert answer.getheader("Content-Type") == "application/json"
        assert not answer.will_close
    connection.close()


def test_a_body_that_is_too_large_is_refused_and_a_run_that_is_too_long_ended(saved_models: Any, tmp_path: Any) -> None:
    from testkit.served import serving

    flags = ("--rest_max_body_bytes=64", "--rest_api_timeout_in_ms=1000")
    with serving(saved_models / "rare", tmp_path / "log", *flags) as served:
        status, answer = served.ask("/v1/models/m:predict", {"signature_name": "loop", "inputs": 10**12})
        assert (status, answer["error"]) == (504, "Timed out waiting for notification")
        assert served.ask("/v1/models/m:predict", {"signature_name": "loop", "inputs": [10**12] * 5})[0] == 413
        assert served.ask("/v1/models/m:predict", {"signature_name": "loop", "inputs": 1}) == (200, {"outputs": 1})
