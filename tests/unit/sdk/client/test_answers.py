"""Clients against servers that answer with something else than they should."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tfmodel.client.errors import AnswerError, ServingError, UnreachableError
from tfmodel.client.grpc import GrpcClient
from tfmodel.client.rest import RestClient

METADATA = {
    "model_spec": {"name": "m", "signature_name": "", "version": "3"},
    "metadata": {
        "signature_def": {
            "signature_def": {
                "serving_default": {"inputs": {}, "outputs": {"y": {"dtype": "DT_FLOAT", "tensor_shape": {}}}}
            }
        }
    },
}


class ScriptedServer(ThreadingHTTPServer):
    """`answer` is the status and body of every POST."""

    answer = (200, b"{}")


class Scripted(BaseHTTPRequestHandler):
    """Answers GET with METADATA and POST with what the server was told."""

    server: ScriptedServer

    def do_GET(self) -> None:
        self._answer(200, json.dumps(METADATA).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(*self.server.answer)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(("127.0.0.1", 0), Scripted) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((200, b"<html>"), AnswerError, "no JSON"),
        ((200, b"[]"), AnswerError, "no outputs"),
        ((200, b'{"predictions": [1]}'), AnswerError, "no outputs"),
        ((502, b"bad gateway"), AnswerError, "502 and no JSON"),
        ((400, b'{"error": "no such input"}'), ServingError, "400: no such input"),
        ((500, b"[]"), ServingError, "500"),
    ],
)
def test_an_answer_that_is_none_is_an_error_of_ours(
    server: ScriptedServer, answer: tuple[int, bytes], error: type[Exception], words: str
) -> None:
    server.answer = answer
    with (
        RestClient(f"http://127.0.0.1:{server.server_port}/") as client,
        pytest.raises(error, match=words),
    ):
        client.predict("m", {"x": [1.0]})


def test_a_server_that_is_not_there_is_named() -> None:
    with GrpcClient("127.0.0.1:1") as client, pytest.raises(UnreachableError, match="does not answer"):
        client.status("m")
    with (
        RestClient("http://127.0.0.1:1") as client,
        pytest.raises(UnreachableError, match="does not answer"),
    ):
        client.status("m")
