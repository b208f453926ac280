"""The Open Inference Protocol over REST: raw HTTP, and the stock client."""

import gzip
import http.client
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from testkit.served import Served, serving

ECHO = {"signature_name": "echo"}
X: dict[str, Any] = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [[4, 9]]}
INFER = "/v2/models/every/infer"


@pytest.fixture
def client(every: Served) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{every.rest_port}") as found:
        yield found


def datatype(array: Any) -> str:
    return "BF16" if array.dtype.name == "bfloat16" else str(np_to_triton_dtype(array.dtype))


def inputs_of(values: Any, *, is_binary: bool) -> list[Any]:
    made = []
    for alias, array in values.items():
        one = triton.InferInput(alias, list(array.shape), datatype(array))
        one.set_data_from_numpy(array, binary_data=is_binary)
        made.append(one)
    return made


def raw(served: Served, body: bytes, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", served.rest_port, timeout=10)
    try:
        connection.request("POST", INFER, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_the_stock_client_reads_what_is_told_of_server_and_model(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("every")
    assert client.is_model_ready("every", "3")
    assert not client.is_model_ready("every", "4")
    assert not client.is_model_ready("none")
    server = client.get_server_metadata()
    assert (server["name"], server["extensions"]) == ("tfmodel", ["binary_tensor_data"])
    assert client.get_model_metadata("every", "3") == {
        "name": "every",
        "versions": ["3"],
        "platform": "tensorflow_savedmodel",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [
            {"name": "doubled", "datatype": "FP32", "shape": [-1, 2]},
            {"name": "largest", "datatype": "INT64", "shape": [-1]},
            {"name": "root", "datatype": "FP32", "shape": [-1, 2]},
        ],
    }
    echo = client.get_model_metadata("every", query_params=ECHO)
    assert {"name": "bool_in", "datatype": "BOOL", "shape": [-1]} in echo["inputs"]


def test_the_list_of_models_and_probes(every: Served) -> None:
    assert every.ask("/v2/models") == (200, {"models": ["every"]})
    assert every.ask("/v2/health/live") == (200, {"live": True})
    assert every.ask("/v2/health/ready") == (200, {"ready": True})
    assert every.ask("/v2/models/every/ready") == (200, {"name": "every", "ready": True})


def test_every_type_goes_there_and_back_as_bytes(client: Any, values: Any) -> None:
    answer = client.infer("every", inputs_of(values, is_binary=True), parameters=ECHO, request_id="7")
    assert (answer.get_response()["id"], answer.get_response()["model_version"]) == ("7", "3")
    for alias, array in values.items():
        name = alias.replace("_in", "_out")
        told = answer.get_output(name)
        assert (told["datatype"], told["shape"]) == (datatype(array), list(array.shape))
        np.testing.assert_array_equal(answer.as_numpy(name), array.astype(answer.as_numpy(name).dtype))


def test_every_type_but_the_halves_goes_there_and_back_in_json(client: Any, values: Any) -> None:
    halves = {alias: values.pop(alias) for alias in ("float16_in", "bfloat16_in")}
    values["string_in"] = np.array([["", "\x00é"]], object)
    values["float32_in"] = np.array([[0.1], [3e38]], np.float32)
    outputs = [
        triton.InferRequestedOutput(alias.replace("_in", "_out"), binary_data=alias in halves)
        for alias in (*reversed(values), *halves)
    ]
    sent = [*inputs_of(values, is_binary=False), *inputs_of(halves, is_binary=True)]
    answer = client.infer("every", sent, outputs=outputs, parameters=ECHO)
    assert [one["name"] for one in answer.get_response()["outputs"]] == [one.name() for one in outputs]
    for alias, array in values.items():
        found = answer.as_numpy(alias.replace("_in", "_out"))
        assert found.shape == array.shape
        assert found.tolist() == array.tolist()
    np.testing.assert_array_equal(answer.as_numpy("float16_out"), halves["float16_in"])


def test_compressed_requests(client: Any, every: Served) -> None:
    sent = inputs_of({"x": np.array([[4, 9]], np.float32)}, is_binary=True)
    for algorithm in ("gzip", "deflate"):
        answer = client.infer("every", sent, request_compression_algorithm=algorithm)
        assert answer.as_numpy("root").tolist() == [[2, 3]]
    answer, body = raw(every, gzip.compress(b'{"inputs": []}')[:-4], Content_Encoding="gzip")
    assert (answer.status, json.loads(body)) == (
        400,
        {"error": "the body cannot be inflated: it is cut short"},
    )


def test_the_header_tells_where_the_bytes_begin(every: Served) -> None:
    one = {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
    outputs = [{"name": "root", "parameters": {"binary_data": True}}, {"name": "doubled"}]
    header = json.dumps({"inputs": [one], "outputs": outputs}).encode()
    data = np.array([4, 9], np.float32).tobytes()
    answer, body = raw(every, header + data, Inference_Header_Content_Length=str(len(header)))
    assert (answer.status, answer.getheader("Content-Type")) == (200, "application/octet-stream")
    length = int(answer.getheader("Inference-Header-Content-Length") or 0)
    assert body[length:] == np.array([2, 3], np.float32).tobytes()
    assert json.loads(body[:length])["outputs"] == [
        {"name": "root", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}},
        {"name": "doubled", "datatype": "FP32", "shape": [1, 2], "data": [8.0, 18.0]},
    ]


def test_an_answer_in_json_is_json_whatever_the_numbers_are(every: Served) -> None:
    body = json.dumps({"inputs": [X | {"data": [-1, 1e38]}], "outputs": [{"name": "root"}, {"name": "doubled"}]})
    answer, told = raw(every, body.encode(), Content_Type="text/nonsense")
    assert (answer.status, answer.getheader("Content-Type")) == (200, "application/json")
    assert answer.getheader("Inference-Header-Content-Length") is None
    assert [one["data"] for one in json.loads(told)["outputs"]] == [[None, 1e19], [-2.0, 2e38]]


def test_a_signature_without_inputs_and_an_empty_batch(every: Served) -> None:
    nothing = {"inputs": [], "parameters": {"signature_name": "nothing"}}
    assert every.ask(INFER, nothing)[1]["outputs"][0]["data"] == [42]
    status, answer = every.ask("/v2/models/every/versions/3/infer", {"inputs": [X | {"shape": [0, 2], "data": []}]})
    assert status == 200
    assert answer["outputs"][0] == {"name": "doubled", "datatype": "FP32", "shape": [0, 2], "data": []}


ERRORS: list[tuple[str, Any, int, str]] = [
    ("/v2/models/none/infer", {"inputs": [X]}, 404, "Latest(none)"),
    ("/v2/models/every/versions/4/infer", {"inputs": [X]}, 404, "Specific(every, 4)"),
    ("/v2/models/every/versions/x/infer", {"inputs": [X]}, 404, "Specific(every, x)"),
    ("/v2/models/none", None, 404, "Latest(none)"),
    ("/v2/models/none/ready", None, 404, "Latest(none)"),
    ("/v2/models/every?signature_name=no", None, 400, '"no" not found'),
    ("/v2/models/every/nonsense", None, 404, "no such path: /v2/models/every/nonsense"),
    ("/v2/", None, 404, "no such path"),
    ("/v2%2Fmodels", None, 404, "no such path"),
    (INFER, None, 405, "expected POST"),
    ("/v2/health/live", {}, 405, "expected GET"),
    (INFER, b"", 400, "expected JSON"),
    (INFER, b'{"inputs": [NaN]}', 400, "expected JSON"),
    (INFER, b"[" * 5000, 400, "expected JSON"),
    (INFER, {"inputs": [X], "parameters": {"signature_name": "no"}}, 400, '"no" not found'),
    (INFER, {"inputs": [X | {"datatype": "FP64"}]}, 400, "input x: expected datatype FP32, got FP64"),
    (INFER, {"inputs": [X | {"shape": [1, 3]}]}, 400, "input x: expected data flat or nested as shape [1, 3] says"),
    (INFER, {"inputs": [X | {"shape": [2], "data": [1, 2]}]}, 400, ""),
    (INFER, {"inputs": []}, 400, "missing inputs: x"),
    (INFER, {"inputs": [X], "outputs": [{"name": "no"}]}, 400, "output no: expected one of doubled, largest, root"),
    (INFER, {"inputs": [X | {"parameters": {"shared_memory_region": "r"}}]}, 501, "shared_memory_region"),
]


@pytest.mark.parametrize(("path", "body", "status", "told"), ERRORS, ids=[f"{one[0]}-{one[3]}" for one in ERRORS])
def test_an_error_has_its_status_and_words(every: Served, path: str, body: Any, status: int, told: str) -> None:
    found, answer = every.ask(path, body)
    assert found == status
    assert list(answer) == ["error"]
    assert told in answer["error"]


def test_the_stock_client_reads_errors(client: Any) -> None:
    sent = inputs_of({"x": np.array([[4, 9]], np.float64)}, is_binary=True)
    with pytest.raises(InferenceServerException, match="expected datatype FP32, got FP64") as failed:
        client.infer("every", sent)
    assert failed.value.status() == "400"


def test_a_shape_of_no_elements_may_be_large_and_harms_nobody(every: Served) -> None:
    for shape in ([0, 2**40], [0, 2**20, 2**20], [0] + [1] * 63, [0] * 64):
        every.ask(INFER, {"inputs": [X | {"shape": shape, "data": []}]})
    assert every.ask(INFER, {"inputs": [X]})[0] == 200


def test_a_model_whose_version_is_not_there_yet_is_not_ready(tmp_path: Path) -> None:
    with serving(tmp_path / "nothing", tmp_path / "log", wait=False) as served:
        assert served.ask("/v2/health/live") == (200, {"live": True})
        for path in ("/v2/health/ready", "/v2/models/m/ready", "/v2/models/m"):
            status, answer = served.ask(path)
            assert status == 503
            assert answer["error"]
        assert served.ask("/v2/models/m/infer", {"inputs": []})[0] == 503
        assert served.ask("/v2/models/none/ready")[0] == 404
        assert served.ask("/v2/models") == (200, {"models": ["m"]})


def test_an_input_with_a_default_may_be_left_out(saved_models: Path, tmp_path: Path) -> None:
    x = {"name": "x", "shape": [2], "datatype": "FP32", "data": [1, 2]}
    scale = {"name": "scale", "shape": [], "datatype": "FP32", "data": 3}
    outputs = [{"name": "y"}]
    with serving(saved_models / "with_defaults", tmp_path / "log") as served:
        for inputs, wanted in (([x], [2.0, 4.0]), ([x, scale], [3.0, 6.0])):
            status, answer = served.ask("/v2/models/m/infer", {"inputs": inputs, "outputs": outputs})
            assert (status, answer["outputs"][0]["data"]) == (200, wanted)
        assert served.ask("/v2/models/m/infer", {"inputs": [scale]}) == (400, {"error": "missing inputs: x"})


def test_it_drains(saved_models: Path, tmp_path: Path) -> None:
    with serving(
        saved_models / "every_type", tmp_path / "log", "--drain_delay=2s", name="every", is_forked=False
    ) as served:
        assert not raw(served, json.dumps({"inputs": [X]}).encode())[0].will_close
        served.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 1.5
        while served.ask("/v2/health/ready")[0] == 200:
            assert time.monotonic() < end, "readiness did not fail"
        answer, _body = raw(served, json.dumps({"inputs": [X]}).encode())
        assert (answer.status, answer.will_close) == (200, True)
        assert served.ask("/v2/health/live")[0] == 200
        assert served.process.wait(30) == 0


def test_inferences_are_counted(every: Served) -> None:
    every.ask(INFER, {"inputs": [X]})
    every.ask(INFER, b"{")
    told = every.text("/metrics")
    counted = 'tfmodel_runtime_requests_total{code="%s",method="infer",model="every",protocol="rest",signature="%s",version="%s"}'
    assert counted % ("OK", "serving_default", "3") in told
    assert counted % ("INVALID_ARGUMENT", "", "") in told


def test_a_body_that_is_too_large_is_refused(saved_models: Path, tmp_path: Path) -> None:
    with serving(saved_models / "half_plus_two", tmp_path / "log", "--rest_max_body_bytes=200") as served:
        one = {"name": "x", "shape": [100], "datatype": "FP32", "data": [1] * 100}
        assert served.ask("/v2/models/m/infer", {"inputs": [one]})[0] == 413
        packed = gzip.compress(json.dumps({"inputs": [one]}).encode())
        assert served.ask("/v2/models/m/infer", packed, **{"Content-Encoding": "gzip"})[0] == 413
        assert served.ask("/v2/models/m/infer", {"inputs": [one | {"shape": [1], "data": [1]}]})[0] == 200
