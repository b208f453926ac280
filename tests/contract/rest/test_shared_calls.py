"""Requests that share a call of the model: each gets its own answer, whatever its neighbours sent and however it was sent."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testkit.raw_http import Line
from testkit.served import Served, serving

PATH = "/v1/models/m:predict"


@pytest.fixture(scope="module")
def served(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(saved_models / "half_plus_two", tmp_path_factory.mktemp("shared") / "log") as served:
        yield served


def request(body: bytes, *headers: bytes) -> bytes:
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % (PATH.encode(), len(body))
    return head + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def test_each_of_many_requests_gets_its_own_answer(served: Served) -> None:
    def ask(number: int) -> bool:
        with Line(served.rest_port) as line:
            for turn in range(20):
                rows = [float(number * 100 + turn)] * (1 + turn % 3)
                wrong = (number + turn) % 7 == 0
                line.send(request(json.dumps({"instances": ["x"] if wrong else rows}).encode()))
                answer = line.answer()
                expected = None if wrong else [row / 2 + 2 for row in rows]
                if json.loads(answer.body).get("predictions") != expected or (answer.status == 400) != wrong:
                    return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(16)))


def test_requests_that_come_in_one_piece_are_answered_in_their_order(served: Served) -> None:
    bodies = [json.dumps({"instances": [number]}).encode() for number in range(12)]
    with Line(served.rest_port) as line:
        line.send(b"".join(map(request, bodies)) + b"GET /v1/models/m HTTP/1.1\r\nHost: a\r\n\r\n" + request(bodies[0]))
        found = [json.loads(line.answer().body) for _ in range(14)]
    assert [one.get("predictions") for one in found[:12]] == [[number / 2 + 2] for number in range(12)]
    assert found[12]["model_version_status"][0]["state"] == "AVAILABLE"
    assert found[13]["predictions"] == [2.0]


def test_a_request_that_comes_byte_by_byte_is_answered_like_any_other(served: Served) -> None:
    with Line(served.rest_port) as line:
        for byte in request(b'{"instances": [1, 2]}'):
            line.send(bytes([byte]))
        assert json.loads(line.answer().body) == {"predictions": [2.5, 3.0]}


def test_a_connection_that_is_asked_to_close_closes(served: Served) -> None:
    with Line(served.rest_port) as line:
        line.send(request(b'{"instances": [1]}', b"Connection: close"))
        answer = line.answer()
        assert answer.headers["connection"] == "close"
        assert json.loads(answer.body) == {"predictions": [2.5]}
        assert line.socket.recv(1) == b""


def test_a_body_that_is_too_large_for_the_short_way_is_answered_like_any_other(served: Served) -> None:
    rows = [1.0] * 100_000
    with Line(served.rest_port) as line:
        for _ in range(2):
            line.send(request(json.dumps({"instances": rows}).encode()))
            assert json.loads(line.answer().body) == {"predictions": [2.5] * 100_000}


def test_requests_are_counted_whichever_way_they_take(served: Served) -> None:
    labels = 'model="m",protocol="rest",signature="serving_default",version="1"'

    def count() -> float:
        line = next(
            (
                line
                for line in served.text("/metrics").splitlines()
                if line.startswith('tfmodel_runtime_requests_total{code="OK",method="predict"') and labels in line
            ),
            "0",
        )
        return float(line.split()[-1])

    before = count()
    with Line(served.rest_port) as line:
        for headers in ((), (b"Content-Encoding: identity",), (b"Expect: 100-continue",)):
            line.send(request(b'{"instances": [1]}', *headers))
            assert line.answer().body.strip() in (b"", b'{\n    "predictions": [2.5]\n}')
            if b"Expect: 100-continue" in headers:
                line.answer()
    assert count() == before + 3
