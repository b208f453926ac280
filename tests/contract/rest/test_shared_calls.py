"""Requests that share a call of the model: each gets its own answer, whatever its neighbours sent and however it was sent."""

import json
import time
from collections.abc import Callable, Iterator
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


HEADS = {
    "the same head": lambda number: (),
    "a head of its own": lambda number: (b"x-request-id: %d" % number,),
}


@pytest.mark.parametrize("headers", HEADS.values(), ids=HEADS)
def test_bodies_of_one_kind_are_answered_each_by_its_own_and_wrong_ones_by_their_error(
    served: Served, headers: Callable[[int], tuple[bytes, ...]]
) -> None:
    def ask(number: int) -> bool:
        with Line(served.rest_port) as line:
            for turn in range(40):
                value = number * 1000 + turn
                wrong = (number + turn) % 11 == 0
                line.send(request(b'{"instances": [%d%b]}' % (value, b".2.3" if wrong else b""), *headers(turn)))
                answer = line.answer()
                found = json.loads(answer.body)
                if wrong and not (answer.status == 400 and "JSON Parse error" in found["error"]):
                    return False
                if not wrong and found != {"predictions": [value / 2 + 2]}:
                    return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(16)))


def test_a_head_that_is_known_and_its_body_may_come_apart_late_or_never(served: Served) -> None:
    body = b'{"instances": [7]}'
    head = request(body).removesuffix(body)
    with Line(served.rest_port) as line:
        for parts in (
            [head + body],
            [head + body],
            [head + body],
            [head, body],
            [head, body[:5], body[5:]],
            [head[:30], head[30:] + body],
        ):
            for part in parts:
                line.send(part)
                time.sleep(0.02)
            assert json.loads(line.answer().body) == {"predictions": [5.5]}
        line.send(head)
    with Line(served.rest_port) as line:
        line.send(head + body)
        assert line.answer().status == 200


def test_requests_on_a_known_head_that_come_in_one_piece_are_answered_in_their_order(served: Served) -> None:
    bodies = [b'{"instances": [%02d.5]}' % number for number in range(10, 40)]
    with Line(served.rest_port) as line:
        for body in bodies:
            line.send(request(body))
            line.answer()
        line.send(request(bodies[0]))
        line.send(b"".join(map(request, bodies[1:])))
        found = [json.loads(line.answer().body)["predictions"] for _ in bodies]
    assert found == [[number / 2 + 2.25] for number in range(10, 40)]


def test_a_body_that_ends_early_is_waited_for(served: Served) -> None:
    message = request(b'{"instances": [7]}')
    with Line(served.rest_port) as line:
        for parts in ([message], [message], [message[:-4], message[-4:]], [message]):
            for part in parts:
                line.send(part)
                time.sleep(0.02)
            assert json.loads(line.answer().body) == {"predictions": [5.5]}


def test_several_outputs_and_numbers_without_a_json_form_are_answered_by_row(
    saved_models: Path, tmp_path: Path
) -> None:
    def ask(line: Line, value: int) -> object:
        line.send(request(b'{"instances": [[%d, 1.0]]}' % value))
        return line.answer().body

    with serving(saved_models / "every_type", tmp_path / "log") as served, Line(served.rest_port) as line:
        found = {value: ask(line, value) for value in (4, 4, 4, -1, 9)}
    assert json.loads(found[9]) == {"predictions": [{"doubled": [18.0, 2.0], "largest": 0, "root": [3.0, 1.0]}]}  # type: ignore[arg-type]
    assert b'"root": [NaN,1.0]' in found[-1]  # type: ignore[operator]


def test_named_inputs_are_answered_each_by_its_own_and_wrong_ones_by_their_error(
    saved_models: Path, tmp_path: Path
) -> None:
    names = ("SepalLength", "SepalWidth", "PetalLength", "PetalWidth")

    def ask(number: int) -> bool:
        with Line(flowers.rest_port) as line:
            for turn in range(40):
                rows = 1 + turn % 2
                flower = dict(zip(names, (turn, number, 0, number * turn), strict=True))
                wrong = (number + turn) % 11 == 0
                if wrong:
                    flower.pop(names[turn % 4])
                line.send(request(json.dumps({"instances": [flower] * rows}).encode()))
                answer = line.answer()
                found = json.loads(answer.body)
                if wrong and not (answer.status == 400 and "keys must be equal to" in found["error"]):
                    return False
                if not wrong and [one["logits"] for one in found["predictions"]] != [[turn, number, 0]] * rows:
                    return False
        return True

    with serving(saved_models / "flowers", tmp_path / "log") as flowers, ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(16)))
