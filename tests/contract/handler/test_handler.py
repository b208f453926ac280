"""A custom inference service: pictures sent as the document sends them, and all that may go wrong on the way."""

from __future__ import annotations

import concurrent.futures
import io
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from testkit.load import Load, rest
from testkit.served import Served, serving

SERVICE = Path(__file__).resolve().parents[3] / "examples" / "graph-mnist" / "handler.py"
BASE = "from tfmodel.serving import HandlerError, TfServingBaseService\n"
ZEROS = {"images": [[0.0] * 784]}
DIGITS = (0, 3, 7)
SWAPS, BETWEEN, PAUSE = 12, 300, 0.003


def picture(digit: int) -> bytes:
    data = load_digits()
    number = int(np.flatnonzero(data.target == digit)[0])
    large = np.pad(np.kron(data.images[number], np.ones((3, 3))), 2) * (255 / 16)
    file = io.BytesIO()
    Image.fromarray(large.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def curl(served: Served, *arguments: str) -> tuple[int, Any]:
    command = ["curl", "-s", "-w", "\n%{http_code}", *arguments, f"http://127.0.0.1:{served.rest_port}/"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


@pytest.fixture
def start(saved_models: Path, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    opened: list[Any] = []

    def begin(source: str, *flags: str, model: str = "digits", **how: Any) -> Served:
        file = tmp_path / "handler.py"
        file.write_text(source)
        context = serving(saved_models / model, tmp_path / "log", f"--handler={file}", *flags, **how)
        opened.append(context)
        return context.__enter__()

    yield begin
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def mnist(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("mnist") / "log"
    with serving(saved_models / "digits", log, f"--handler={SERVICE}", "--rest_max_body_bytes=100000") as served:
        yield served


def service(body: str) -> str:
    return f"{BASE}class Service(TfServingBaseService):\n{body}"


def test_the_documents_service_reads_pictures_that_curl_sends(mnist: Served, tmp_path: Path) -> None:
    for digit in DIGITS:
        (tmp_path / f"{digit}.png").write_bytes(picture(digit))
        assert curl(mnist, "-F", f"images=@{tmp_path / f'{digit}.png'}") == (200, {"mnist_result": [digit]})
    fields = [part for digit in DIGITS for part in ("-F", f"image{digit}=@{tmp_path / f'{digit}.png'}")]
    assert curl(mnist, *fields) == (200, {"mnist_result": list(DIGITS)})
    assert 'method="handle",model="m",protocol="rest",signature="predict_images",version="1"' in mnist.text("/metrics")


def test_what_is_no_picture_is_the_clients_fault(mnist: Served, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    status, answer = curl(mnist, "-F", f"images=@{tmp_path / 'text.png'}")
    assert (status, "cannot identify image file" in answer["error"]) == (400, True)
    status, answer = curl(mnist, "-d", "nonsense")
    assert (status, "neither multipart/form-data nor JSON" in answer["error"]) == (400, True)
    status, answer = curl(mnist, "-H", "Content-Type: multipart/form-data; boundary=x", "-d", "nonsense")
    assert (status, "the form cannot be read" in answer["error"]) == (400, True)
    assert mnist.ask("/")[0] == 405
    assert "Traceback" in mnist.log()


def test_uploads_are_bounded(mnist: Served, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"0" * 200_000)
    assert curl(mnist, "-F", f"images=@{tmp_path / 'large'}")[0] == 413
    many = [part for number in range(70) for part in ("-F", f"f{number}=@/dev/null;filename=f{number}")]
    status, answer = curl(mnist, *many)
    assert (status, "Too many files" in answer["error"]) == (400, True)
    (tmp_path / "small").write_bytes(b"0")
    for parts in (("a=@small", "a=text"), ("a=text", "a=@small")):
        named = [one for part in parts for one in ("-F", part.replace("@", f"@{tmp_path}/"))]
        status, answer = curl(mnist, *named)
        assert (status, answer["error"]) == (400, "field a is a text and a file: give each its own name")
    assert curl(mnist, "-F", "a=one", "-F", "a=two")[1]["error"] == "field a came twice: give each its own name"
    file = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(file)
    status, answer = curl(mnist, "-F", f"images=@{file}")
    assert (status, "decompression bomb" in answer["error"]) == (400, True)


def test_json_goes_in_and_out_by_default(start: Callable[..., Served]) -> None:
    served = start(service("    pass\n"))
    status, answer = served.ask("/", ZEROS)
    assert status == 200
    assert len(answer["scores"][0]) == 10
    status, answer = served.ask("/", {"pictures": []})
    assert (status, "must return the inputs images, and it returned pictures" in answer["error"]) == (400, True)
    assert [served.ask("/", body)[0] for body in ([1], {"images": "text"})] == [400, 400]


FAILURES = [
    (
        "    def _preprocess(self, data): raise ValueError('no field images')\n",
        400,
        "_preprocess: ValueError: no field",
    ),
    ("    def _preprocess(self, data): raise HandlerError('too dark', 422)\n", 422, "too dark"),
    ("    def _preprocess(self, data): raise RuntimeError('broken')\n", 500, "_preprocess: RuntimeError: broken"),
    ("    def _preprocess(self, data): raise SystemExit(3)\n", 500, "_preprocess: SystemExit: 3"),
    ("    def _preprocess(self, data): return {'images': 'text'}\n", 500, "input images of _preprocess is no float"),
    ("    def _preprocess(self, data): return {'images': [[1.0]]}\n", 400, "Matrix size-incompatible"),
    ("    def _postprocess(self, data): return data['none']\n", 500, "_postprocess: KeyError: 'none'"),
    ("    def _postprocess(self, data): return object()\n", 500, "what _postprocess returned is no JSON"),
]


@pytest.mark.parametrize(("body", "status", "told"), FAILURES, ids=[one[2] for one in FAILURES])
def test_a_failure_is_told_without_a_traceback(start: Callable[..., Served], body: str, status: int, told: str) -> None:
    served = start(service(body))
    found, answer = served.ask("/", ZEROS)
    assert (found, told in answer["error"]) == (status, True), answer
    assert "Traceback" not in answer["error"]
    counted = [
        line for line in served.text("/metrics").splitlines() if line.startswith("tfmodel_runtime_requests_total{")
    ]
    assert [line.split("} ")[1] for line in counted] == ["1.0"]
    assert 'code="OK"' not in counted[0]


HANGS = """
    def _preprocess(self, data):
        import time
        while data.get("hang"):
            time.sleep(0.1)
        return {"images": data["images"]}
"""


def test_a_handler_that_hangs_is_given_up_and_when_all_threads_do_the_server_wants_a_new_start(
    start: Callable[..., Served], tmp_path: Path
) -> None:
    served = start(service(HANGS), "--rest_api_timeout_in_ms=300", "--handler_threads=2")
    hang = {**ZEROS, "hang": True}
    assert served.ask("/", hang)[0] == 504
    assert served.ask("/", ZEROS)[0] == 200
    assert served.ask("/", hang)[0] == 504
    status, answer = served.ask("/", ZEROS)
    assert (status, answer["error"]) == (503, "all 2 threads of the handler hang")
    hangs = "all 2 threads of the handler hang"
    assert served.ask("/readyz") == (503, {"status": "not ready", "reason": hangs})
    assert served.ask("/healthz") == (503, {"status": "not ok", "reason": hangs})
    assert "tfmodel_runtime_handler_hanging_threads 2.0" in served.text("/metrics")
    assert served.ask("/v1/models/m:predict", {"signature_name": "predict_images", "inputs": [[0.0] * 784]})[0] == 200
    (tmp_path / "handler.py").write_text(service("    pass\n"))
    until(lambda: served.ask("/", ZEROS)[0] == 200)
    assert [served.ask(path)[0] for path in ("/readyz", "/healthz")] == [200, 200]


HELD = """
    def _preprocess(self, data):
        import pathlib, time
        while not pathlib.Path(data["until"]).exists():
            time.sleep(0.05)
        return {"images": data["images"]}
"""


def test_a_handler_that_comes_back_late_is_there_again(start: Callable[..., Served], tmp_path: Path) -> None:
    served = start(service(HELD), "--rest_api_timeout_in_ms=300", "--handler_threads=1")
    assert served.ask("/", {**ZEROS, "until": str(tmp_path / "go")})[0] == 504
    assert served.ask("/healthz")[0] == 503
    (tmp_path / "go").touch()
    until(lambda: served.ask("/healthz")[0] == 200)
    assert "tfmodel_runtime_handler_hanging_threads 0.0" in served.text("/metrics")


def test_a_handler_that_hangs_does_not_keep_the_server_from_ending(start: Callable[..., Served]) -> None:
    served = start(service(HANGS), "--rest_api_timeout_in_ms=300", is_forked=False)
    assert served.ask("/", {**ZEROS, "hang": True})[0] == 504
    assert served.stop() == 0


def test_of_too_many_requests_those_that_were_taken_are_answered_and_the_rest_refused(
    start: Callable[..., Served], tmp_path: Path
) -> None:
    served = start(service(HELD), "--handler_threads=1", "--max_requests_in_flight=5")
    body = {**ZEROS, "until": str(tmp_path / "go")}
    with concurrent.futures.ThreadPoolExecutor(15) as clients:
        asked = [clients.submit(served.ask, "/", body) for _ in range(15)]
        until(lambda: sum(one.done() for one in asked) == 10)
        refused = [one.result() for one in asked if one.done()]
        (tmp_path / "go").touch()
        statuses = [one.result()[0] for one in asked]
    told = {"error": "5 requests are with the handler; no more than that are taken"}
    assert refused == [(503, told)] * 10
    assert sorted(statuses) == [200] * 5 + [503] * 10


BROKEN = [
    ("def broken(:", "cannot be imported: SyntaxError"),
    ("import no_such_module", "cannot be imported: ModuleNotFoundError"),
    (BASE, "must hold one class that subclasses TfServingBaseService, and it holds 0"),
    (service("    pass\nclass Other(TfServingBaseService): pass\n"), "and it holds 2"),
    (service("    def __init__(self): pass\n"), "Service cannot be made: TypeError"),
]


@pytest.mark.parametrize(("source", "told"), BROKEN, ids=[one[1] for one in BROKEN])
def test_a_file_that_cannot_be_used_keeps_the_server_unready_and_says_why(
    start: Callable[..., Served], source: str, told: str
) -> None:
    served = start(source, wait=False)
    until(lambda: told in served.ask("/readyz")[1].get("reason", ""))
    assert served.ask("/", ZEROS)[0] == 503


def until(check: Callable[..., Any], *, seconds: int = 10) -> None:
    for _ in range(seconds * 20):
        if check():
            return
        time.sleep(0.05)
    raise AssertionError("it never came true")


def test_a_model_needs_one_signature_or_the_default_one(start: Callable[..., Served]) -> None:
    served = start(service("    pass\n"), "--max_num_load_retries=0", model="types", wait=False)
    until(lambda: "must have one signature, or one named serving_default: this one has 5" in served.log())
    assert served.ask("/readyz")[0] == 503


@pytest.mark.timeout(300)
def test_a_new_file_takes_over_without_a_failed_request_and_a_broken_one_does_not(
    start: Callable[..., Served], tmp_path: Path
) -> None:
    def answering(value: float) -> str:
        return service(f"    def _postprocess(self, data): return {{'predictions': [{value}]}}\n").replace(
            "class Service(TfServingBaseService):\n",
            "class Service(TfServingBaseService):\n    def _preprocess(self, data): return {'images': [[0.0] * 784]}\n",
        )

    def replace_by(source: str) -> None:
        (tmp_path / "staged").write_text(source)
        shutil.move(tmp_path / "staged", tmp_path / "handler.py")

    served = start(answering(1))
    askers = [rest(served.rest_port, "/", 1.0, keeps=keeps) for keeps in (True, True, False)]
    with Load(askers, PAUSE) as load:
        until(lambda: load.count > 100)
        replace_by("broken(")
        until(lambda: "the one before serves on" in served.log())
        for value in range(2, SWAPS + 2):
            replace_by(answering(value))
            until(lambda value=value: value in load.answers)
            asked = load.count
            until(lambda asked=asked: load.count > asked + BETWEEN or load.failures, seconds=60)
    assert load.failures == []
    assert set(load.answers) == set(range(1, SWAPS + 2))
    assert 'tfmodel_runtime_handler_loads_total{result="refused"} 1.0' in served.text("/metrics")
