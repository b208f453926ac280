"""The page of examples/mnist-cnn in a real browser: what it answers for pictures, by a model that was exported for TensorFlow.js."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import numpy as np
from PIL import Image

from testkit.artefacts import REPOSITORY

WEB = REPOSITORY / "examples" / "mnist-cnn" / "client" / "web"
DIGITS = REPOSITORY / "examples" / "mnist-data" / "data" / "mnist.npz"
_ANSWERS_WITHIN_SECONDS = 90
# A page on this machine is all that it shall reach.
_CHROMIUM = (
    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)


def digits(count: int) -> np.ndarray[Any, Any]:
    """Pictures of the test data, with pixels from 0 to 255."""
    with np.load(DIGITS) as data:
        found: np.ndarray[Any, Any] = data["x_test"][:count]
        return found


def told_by_page(model: Path, pictures: np.ndarray[Any, Any], folder: Path) -> dict[str, Any]:
    """What the page tells, with the model of a folder: `answers` for each picture, what it has `drawn` of each, and the class `shown`.

    The browser keeps its own things in `folder`.
    """
    with _page(model, pictures) as (url, posted), _chromium(url, folder):
        told = posted.get(timeout=_ANSWERS_WITHIN_SECONDS)
    assert "error" not in told, told
    return told


@contextmanager
def _page(model: Path, pictures: np.ndarray[Any, Any]) -> Iterator[tuple[str, Queue[dict[str, Any]]]]:
    """The example's own server, which also has the test's page and pictures: an address, and what the page posts."""
    posted: Queue[dict[str, Any]] = Queue()
    example = _example()
    server = example.serve(model, handler=_handler(example.Handler, _files(pictures), posted))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/check.html", posted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _example() -> Any:
    spec = importlib.util.spec_from_file_location("serve", WEB / "serve.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def _files(pictures: np.ndarray[Any, Any]) -> dict[str, bytes]:
    files = {f"/{index}.png": _png(picture) for index, picture in enumerate(pictures)}
    files["/pictures"] = json.dumps([name[1:] for name in files]).encode()
    files["/check.html"] = Path(__file__).with_suffix(".html").read_bytes()
    return files


def _handler(of_example: Any, files: dict[str, bytes], posted: Queue[dict[str, Any]]) -> type[Any]:
    class Handler(of_example):  # type: ignore[misc]
        def do_GET(self) -> None:  # noqa: N802 - http.server calls it by this name
            if self.path not in files:
                super().do_GET()
                return
            self.send_response(200)
            self.send_header("Content-Type", self.guess_type(self.path))
            self.end_headers()
            self.wfile.write(files[self.path])

        def do_POST(self) -> None:  # noqa: N802 - as above
            posted.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def _png(picture: np.ndarray[Any, Any]) -> bytes:
    made = io.BytesIO()
    Image.fromarray(picture).save(made, "png")
    return made.getvalue()


@contextmanager
def _chromium(url: str, folder: Path) -> Iterator[None]:
    assert shutil.which("chromium"), "there is no chromium: run hack/setup/packages.sh"
    with (folder / "chromium.log").open("wb") as log:
        profile = f"--user-data-dir={folder / 'profile'}"
        started = subprocess.Popen([*_CHROMIUM, profile, url], stdout=log, stderr=log)
        try:
            yield
        finally:
            started.terminate()
            started.wait(timeout=30)
