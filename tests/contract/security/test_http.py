"""HTTP as section 7 of the contract has it, byte by byte: versions, chunks, methods, CORS, bounds."""

import json

import pytest

from testkit.raw_http import Line, ask
from testkit.served import Served, serving

PREDICT = b"POST /v1/models/half:predict HTTP/1.1\r\nHost: a\r\n"
BODY = b'{"instances": [1]}'
SIZED = b"Content-Length: 18\r\n\r\n" + BODY
ANSWER = {"predictions": [2.5]}


@pytest.fixture(scope="module")
def cors(saved_models, tmp_path_factory):
    log = tmp_path_factory.mktemp("cors") / "log"
    flags = ("--rest_api_enable_cors_support", "--rest_max_header_bytes=4096")
    with serving(saved_models / "half_plus_two", log, *flags, name="half") as served:
        yield served


def test_http_1_0_is_answered_and_the_connection_closed(half: Served) -> None:
    with Line(half.rest_port) as line:
        line.send(b"POST /v1/models/half:predict HTTP/1.0\r\n" + SIZED)
        found = line.answer()
        assert (found.status, json.loads(found.body)) == (200, ANSWER)
        assert line.is_closed()


def test_chunks_are_put_together_and_the_connection_is_kept(half: Served) -> None:
    with Line(half.rest_port) as line:
        for _ in range(2):
            line.send(PREDICT + b"Transfer-Encoding: chunked\r\n\r\n")
            for byte in BODY:
                line.send(b"1\r\n" + bytes([byte]) + b"\r\n")
            line.send(b"0\r\n\r\n")
            assert json.loads(line.answer().body) == ANSWER


def test_a_client_that_expects_100_continue_gets_it_and_then_its_answer(half: Served) -> None:
    with Line(half.rest_port) as line:
        line.send(PREDICT + b"Content-Length: 18\r\nExpect: 100-continue\r\n\r\n")
        assert line.answer().status == 100
        line.send(BODY)
        assert json.loads(line.answer().body) == ANSWER


def test_requests_in_a_row_are_answered_in_order(half: Served) -> None:
    with Line(half.rest_port) as line:
        line.send((PREDICT + SIZED) * 3 + b"GET /v1/models/none HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [line.answer().status for _ in range(4)] == [200, 200, 200, 404]


@pytest.mark.parametrize("offer", [b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"])
def test_an_offer_of_http_2_is_not_taken_up_and_harms_nothing(half: Served, offer: bytes) -> None:
    with Line(half.rest_port) as line:
        for _ in range(3):
            line.send(PREDICT + offer + SIZED)
            assert json.loads(line.answer().body) == ANSWER
        line.send(b"GET /v1/models/half HTTP/1.1\r\nHost: a\r\n" + offer + b"\r\n")
        assert line.answer().status == 200
        line.send(PREDICT + SIZED)
        assert json.loads(line.answer().body) == ANSWER


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "GET"])
@pytest.mark.parametrize("path", ["/v1/models/half:predict", "/v1/", "/v1/models/"])
def test_what_is_no_request_of_the_api_is_malformed(half: Served, method: str, path: str) -> None:
    found = ask(half.rest_port, f"{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert found.status == 400
    assert found.headers["content-type"] == "application/json"
    assert json.loads(found.body) == {"error": f"Malformed request: {method} {path}"}


def test_head_is_malformed_without_a_body(half: Served) -> None:
    with Line(half.rest_port) as line:
        for _ in range(2):
            line.send(b"HEAD /v1/models/half HTTP/1.1\r\nHost: a\r\n\r\n")
            assert line.answer(has_body=False).status == 400


@pytest.mark.parametrize("path", ["/v1", "/", "/v3/x"])
def test_a_path_outside_the_api_is_404(half: Served, path: str) -> None:
    assert half.ask(path)[0] == 404


def test_case_counts_in_names_and_verbs_only(half: Served) -> None:
    assert half.ask("/V1/Models/half:predict", {"instances": [1]}) == (200, ANSWER)
    assert half.ask("/v1/models/HALF:predict", {"instances": [1]})[0] == 404
    assert half.ask("/v1/models/half:PREDICT", {"instances": [1]})[0] == 400


def test_a_version_beyond_int64_is_malformed(half: Served) -> None:
    assert half.ask(f"/v1/models/half/versions/{2**63}")[0] == 400
    assert half.ask(f"/v1/models/half/versions/{'9' * 5000}")[0] == 400
    assert half.ask(f"/v1/models/half/versions/{2**63 - 1}")[0] == 404


@pytest.mark.parametrize(
    ("origin", "status"), [(b"https://a.b", 200), (b"http://a", 200), (b"null", 400), (b"file://x", 400), (b"", 400)]
)
def test_options_are_answered_by_the_origin_alone(half: Served, origin: bytes, status: int) -> None:
    header = b"Origin: " + origin + b"\r\n" if origin else b""
    found = ask(half.rest_port, b"OPTIONS /v1/any/thing HTTP/1.1\r\nHost: a\r\n" + header + b"\r\n")
    assert (found.status, found.body) == (status, b"")
    assert "access-control-allow-origin" not in found.headers


def test_cors_headers_stand_on_every_answer_of_the_api_once_they_are_asked_for(cors: Served, half: Served) -> None:
    wanted = {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "POST, GET",
        "access-control-allow-headers": "Content-Type",
    }
    requests = [
        PREDICT + SIZED,
        PREDICT + b"\r\n",
        b"GET /v1/models/none HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS /v1/models HTTP/1.1\r\nHost: a\r\nOrigin: https://a\r\n\r\n",
    ]
    for request in requests:
        assert wanted.items() <= ask(cors.rest_port, request).headers.items()
        assert not wanted.keys() & ask(half.rest_port, request).headers.keys()
    assert not wanted.keys() & ask(cors.rest_port, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").headers.keys()


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nA: " + b"a" * 5000 + b"\r\n\r\n",
        b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2500 + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 400_000,
        PREDICT + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"a" * 400_000,
        PREDICT + b"Transfer-Encoding: chunked\r\n\r\n1;a=" + b"a" * 400_000,
    ],
    ids=["one", "url", "many", "endless", "trailer", "extension"],
)
def test_headers_that_are_too_large_are_refused(cors: Served, head: bytes) -> None:
    with Line(cors.rest_port) as line:
        try:
            line.send(head)
        except OSError:
            return
        found = line.answer()
        assert found.status == 431
        assert "larger than 4096 bytes" in json.loads(found.body)["error"]
        assert line.is_closed()


def test_large_bodies_are_no_large_headers(cors: Served) -> None:
    body = json.dumps({"instances": [1] * 200_000}).encode()
    with Line(cors.rest_port) as line:
        line.send(PREDICT + b"Content-Length: %d\r\n\r\n" % len(body))
        line.send(body)
        assert line.answer().status == 200
        line.send(PREDICT + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body))
        line.send(body + b"\r\n0\r\n\r\n")
        assert line.answer().status == 200


def test_what_is_no_http_is_told_so(half: Served) -> None:
    with Line(half.rest_port) as line:
        line.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        found = line.answer()
        assert (found.status, "Invalid HTTP" in json.loads(found.body)["error"]) == (400, True)
        assert line.is_closed()


def test_whoever_comes_too_early_is_told_when_to_come_again(saved_models, tmp_path) -> None:
    flags = ("--max_requests_in_flight=0",)
    with serving(saved_models / "half_plus_two", tmp_path / "log", *flags, name="half") as served:
        found = ask(served.rest_port, PREDICT + SIZED)
        assert (found.status, found.headers["retry-after"]) == (503, "1")
        assert "retry-after" not in ask(served.rest_port, b"GET /v1/models/none HTTP/1.1\r\nHost: a\r\n\r\n").headers

        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

        request = predict_pb2.PredictRequest()
        request.model_spec.name = "half"
        request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0]))
        with grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            with pytest.raises(grpc.RpcError) as failed:
                stub.Predict(request, timeout=10)
            assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
            assert dict(failed.value.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"
            request.model_spec.name = ""
            with pytest.raises(grpc.RpcError) as failed:
                stub.Predict(request, timeout=10)
            assert "grpc-retry-pushback-ms" not in dict(failed.value.trailing_metadata())


def test_the_wildcard_address_of_ipv6_takes_ipv4_too(saved_models, tmp_path) -> None:
    import socket

    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    path = tmp_path / "grpc.sock"
    flags = ("--bind_address=::", f"--grpc_socket_path={path}")
    with serving(saved_models / "half_plus_two", tmp_path / "log", *flags, name="half") as served:
        assert served.ask("/v1/models/half:predict", {"instances": [1]}) == (200, ANSWER)
        with socket.create_connection(("::1", served.rest_port), timeout=10) as line:
            line.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 200")
        for target in (f"127.0.0.1:{served.grpc_port}", f"[::1]:{served.grpc_port}", f"unix:{path}"):
            with grpc.insecure_channel(target) as channel:
                stub = health_pb2_grpc.HealthStub(channel)
                assert stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status in (1, 2)
