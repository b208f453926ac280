"""Clients that take their time, and more of them than are allowed: others are answered, and the slow ones cut."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from testkit.raw_http import Line, ask
from testkit.served import Served, serving

HEAD = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: a\r\n"
BODY = b'{"instances": [2]}'
REQUEST = HEAD + b"Content-Length: 18\r\n\r\n" + BODY
ANSWER = {"predictions": [3.0]}
SLOW = 100
MANY_SLOW = 500
HALF_A_MINUTE = 30
LONG = 2.5
HALF = HEAD.replace(b"/m:", b"/half:")
SIZED = b"Content-Length: 18\r\n\r\n" + BODY


@pytest.fixture(scope="module")
def strict(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("strict") / "log"
    flags = ("--rest_header_timeout=2s", "--rest_body_timeout=2s")
    with serving(saved_models / "half_plus_two", log, *flags) as served:
        yield served


def dripping(lines: list[Line], text: bytes, is_over: threading.Event) -> None:
    """Sends one byte a second on each line for as long as the other side takes it."""
    for byte in text:
        for line in lines:
            try:
                line.send(bytes([byte]))
            except OSError:
                continue
        if is_over.wait(1):
            return


@pytest.mark.parametrize(
    ("begun", "dripped", "told"),
    [(b"", HEAD * 10, "headers"), (HEAD + b"Content-Length: 1000000\r\n\r\n", b"[" * 600, "body")],
    ids=["headers", "body"],
)
def test_a_hundred_slow_clients_are_cut_and_others_are_answered(
    strict: Served, begun: bytes, dripped: bytes, told: str
) -> None:
    is_over = threading.Event()
    with ExitStack() as stack:
        lines = [stack.enter_context(Line(strict.rest_port)) for _ in range(SLOW)]
        for line in lines:
            line.send(begun)
        slowly = threading.Thread(target=dripping, args=(lines, dripped, is_over))
        slowly.start()
        kept = stack.enter_context(Line(strict.rest_port))
        for _ in range(50):
            kept.send(REQUEST)
            assert json.loads(kept.answer().body) == ANSWER
            assert json.loads(ask(strict.rest_port, REQUEST).body) == ANSWER
        for line in lines:
            cut(line, told)
        is_over.set()
        slowly.join()
    assert strict.ask("/readyz")[0] == 200


def test_five_hundred_slow_clients_for_half_a_minute_cost_nobody_an_answer(half: Served) -> None:
    """At the default bounds: one byte of a body a second on each, beside kept and new connections of others."""
    is_over = threading.Event()
    with ExitStack() as stack:
        lines = [stack.enter_context(Line(half.rest_port)) for _ in range(MANY_SLOW)]
        for line in lines:
            line.send(HALF + b"Content-Length: 1000000\r\n\r\n")
        slowly = threading.Thread(target=dripping, args=(lines, b"[" * HALF_A_MINUTE, is_over))
        slowly.start()
        stack.callback(is_over.set)
        kept = stack.enter_context(Line(half.rest_port))
        while slowly.is_alive():
            kept.send(HALF + SIZED)
            assert json.loads(kept.answer().body) == ANSWER
            assert json.loads(ask(half.rest_port, HALF + SIZED).body) == ANSWER
            time.sleep(0.02)
        for line in lines:
            line.socket.setblocking(False)
            with pytest.raises(BlockingIOError):  # it is neither answered nor cut
                line.socket.recv(1)
    assert half.ask("/readyz")[0] == 200


def cut(line: Line, told: str) -> None:
    """Waits until the other side has closed; what it said before, if it still came through."""
    try:
        found = line.answer()
    except (EOFError, ConnectionResetError):
        return
    assert (found.status, told in json.loads(found.body)["error"]) == (408, True)
    assert line.is_closed()


def test_a_client_that_says_nothing_is_cut(strict: Served) -> None:
    with Line(strict.rest_port) as line:
        cut(line, "headers")
    with Line(strict.rest_port) as line:
        line.send(REQUEST)
        assert line.answer().status == 200
        line.send(b"\r\n")
        cut(line, "headers")


def test_an_empty_line_after_a_body_as_old_clients_send_it_costs_nothing(strict: Served) -> None:
    with Line(strict.rest_port) as line:
        for _ in range(2):
            line.send(REQUEST + b"\r\n")
            assert line.answer().status == 200
            time.sleep(3.5)
        line.send(REQUEST)
        assert line.answer().status == 200


def test_a_client_that_does_not_take_its_answer_is_cut(strict: Served) -> None:
    body = json.dumps({"instances": [1.0] * 2_000_000}).encode()
    with Line(strict.rest_port) as line:
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
        line.send(body)
        end = time.monotonic() + 60
        while "too late" not in strict.log():
            assert time.monotonic() < end
            time.sleep(0.2)


def test_a_request_in_time_is_answered_however_long_the_model_takes(saved_models: Path, tmp_path: Path) -> None:
    flags = ("--rest_header_timeout=1s", "--rest_body_timeout=1s", "--predict_threads=1")
    with serving(saved_models / "rare", tmp_path / "log", *flags) as served, Line(served.rest_port) as line:

        def looping(steps: int) -> bytes:
            body = json.dumps({"signature_name": "loop", "inputs": steps}).encode()
            return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body

        begun = time.monotonic()
        line.send(looping(40_000))
        assert line.answer().status == 200
        request = looping(int(40_000 * LONG / (time.monotonic() - begun)))
        line.send(request * 2)
        assert [line.answer().status, line.answer().status] == [200, 200]
        line.send(request)
        assert line.answer().status == 200


def test_beyond_the_limit_probes_are_answered_and_requests_told_to_come_again(
    saved_models: Path, tmp_path: Path
) -> None:
    with (
        ExitStack() as stack,
        serving(saved_models / "half_plus_two", tmp_path / "log", "--rest_max_connections=10") as served,
    ):
        inside = [stack.enter_context(Line(served.rest_port)) for _ in range(10)]
        for line in inside:
            line.send(REQUEST)
            assert line.answer().status == 200
        for path in ("/healthz", "/readyz", "/metrics"):
            assert ask(served.rest_port, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()).status == 200
        with Line(served.rest_port) as guest:
            guest.send(REQUEST)
            refused = guest.answer()
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
            assert refused.headers["connection"] == "close"
            assert guest.is_closed()
        idle = [stack.enter_context(Line(served.rest_port)) for _ in range(100)]
        assert served.ask("/readyz")[0] == 200
        assert idle[0].is_closed()
        for line in inside:
            line.send(REQUEST)
            assert json.loads(line.answer().body) == ANSWER
        inside[0].socket.shutdown(socket.SHUT_RDWR)
        for line in idle:
            line.socket.close()
        end = time.monotonic() + 30
        while ask(served.rest_port, REQUEST).status == 503:
            assert time.monotonic() < end
            time.sleep(0.05)
