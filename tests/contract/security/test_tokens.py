"""Bearer tokens: nothing is answered without one but health, readiness and metrics."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from testkit.raw_http import Line, ask
from testkit.served import Served, serving

BODY = {"instances": [2]}
ANSWER = (200, {"predictions": [3.0]})


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("tokens") / "tokens"
    found.write_text("first\n\n  second  \n")
    return found


@pytest.fixture(scope="module")
def guarded(saved_models: Path, file: Path) -> Iterator[Served]:
    flags = (f"--auth_token_file={file}", "--rest_api_enable_cors_support")
    with serving(saved_models / "half_plus_two", file.parent / "log", *flags) as served:
        yield served


def code(served: Served, token: str | None) -> str:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "m"
    metadata = () if token is None else (("authorization", token),)
    with grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel:
        try:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            stub.GetModelStatus(request, timeout=10, metadata=metadata)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


@pytest.mark.parametrize("token", ["Bearer first", "bearer second", "BEARER  first "])
def test_whoever_shows_a_token_is_answered(guarded: Served, token: str) -> None:
    assert guarded.ask("/v1/models/m:predict", BODY, Authorization=token) == ANSWER
    assert code(guarded, token.strip()) == "OK"


@pytest.mark.parametrize(
    "token", [None, "", "Bearer", "Bearer ", "Bearer fir", "Bearer firstt", "Basic first", "first"]
)
@pytest.mark.parametrize("path", ["/v1/models/m:predict", "/v1/models/m", "/V1/models/m", "/v2/models/m", "/other"])
def test_whoever_shows_none_is_told_how(guarded: Served, token: str | None, path: str) -> None:
    headers = {} if token is None else {"Authorization": token}
    request = urllib.request.Request(f"http://127.0.0.1:{guarded.rest_port}{path}", headers=headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    with refused.value as answer:
        assert answer.code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Content-Type"] == "application/json"
        assert b"error" in answer.read()


def test_grpc_refuses_every_method_but_health(guarded: Served) -> None:
    for token in (None, "Bearer wrong", "first"):
        assert code(guarded, token) == "UNAUTHENTICATED"
    with grpc.insecure_channel(f"127.0.0.1:{guarded.grpc_port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=10).status in (1, 2)
        watching = health.Watch(health_pb2.HealthCheckRequest(), timeout=10)
        assert next(watching).status in (1, 2)
        watching.cancel()
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        wanted = reflection_pb2.ServerReflectionRequest(list_services="")
        with pytest.raises(grpc.RpcError) as refused:
            list(reflection.ServerReflectionInfo(iter([wanted]), timeout=10))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary("/no.Such/Method")(b"", timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_readiness_and_metrics_need_none(guarded: Served, path: str) -> None:
    guarded.text(path)


def test_a_page_may_ask_whether_it_may_ask(guarded: Served) -> None:
    found = ask(guarded.rest_port, b"OPTIONS /v1/models/m:predict HTTP/1.1\r\nHost: a\r\nOrigin: https://a\r\n\r\n")
    assert found.status == 200
    assert "Authorization" in found.headers["access-control-allow-headers"]


def test_a_refused_body_does_not_become_the_next_request(guarded: Served) -> None:
    hidden = b"GET /v1/models/m HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer first\r\n\r\n"
    head = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % len(hidden)
    with Line(guarded.rest_port) as line:
        line.send(head + b"\r\n" + hidden + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [line.answer().status, line.answer().status] == [401, 200]
    with Line(guarded.rest_port) as line:
        line.send(head + b"Expect: 100-continue\r\n\r\n")
        found = line.answer()
        assert (found.status, found.headers["connection"]) == (401, "close")
        assert line.is_closed()


def test_the_file_is_read_again_and_a_broken_one_changes_nothing(guarded: Served, file: Path) -> None:
    before = file.read_text()
    file.write_text("")
    end = time.monotonic() + 30
    while "holds no token" not in guarded.log():
        assert time.monotonic() < end
        time.sleep(0.1)
    assert guarded.ask("/v1/models/m:predict", BODY, Authorization="Bearer first") == ANSWER
    file.write_text("third")
    while guarded.ask("/v1/models/m:predict", BODY, Authorization="Bearer third")[0] == 401:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert guarded.ask("/v1/models/m:predict", BODY, Authorization="Bearer first")[0] == 401
    assert (code(guarded, "Bearer third"), code(guarded, "Bearer first")) == ("OK", "UNAUTHENTICATED")
    file.write_text(before)
    while guarded.ask("/v1/models/m:predict", BODY, Authorization="Bearer first")[0] == 401:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert "first" not in guarded.log()
