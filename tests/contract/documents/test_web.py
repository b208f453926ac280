"""Document 004, web: the model that was exported for TensorFlow.js, on the example's page in a real browser."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contract.documents.conftest import DATA, EXAMPLES, Trained, script

COUNT = 20
WEB = EXAMPLES / "mnist-cnn" / "client" / "web"
# A page on this machine is all that it shall reach.
CHROMIUM = (
    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
KERAS = """
import json, sys
import keras, numpy as np
pixels = np.load(sys.argv[2])["x_test"][:int(sys.argv[3])].astype("float32")[..., np.newaxis] / 255
print(json.dumps(keras.models.load_model(sys.argv[1]).predict(pixels, verbose=0).tolist()))
"""


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """Pixels from 0 to 255."""
    with np.load(DATA["mnist"] / "mnist.npz") as data:
        return data["x_test"][:COUNT]


@contextmanager
def page(model: Path, pictures: np.ndarray) -> Iterator[tuple[str, Queue[dict[str, Any]]]]:
    """The example's own server, which also has the test's page and pictures: an address, and what the page posts."""
    spec = importlib.util.spec_from_file_location("serve", WEB / "serve.py")
    assert spec is not None
    assert spec.loader is not None
    example: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    posted: Queue[dict[str, Any]] = Queue()
    files = {f"/{index}.png": png(picture) for index, picture in enumerate(pictures)}
    files["/pictures"] = json.dumps([name[1:] for name in files]).encode()
    files["/check.html"] = Path(__file__).with_name("check.html").read_bytes()

    class Handler(example.Handler):
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

    server = example.serve(model, handler=Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/check.html", posted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def png(picture: np.ndarray) -> bytes:
    made = io.BytesIO()
    Image.fromarray(picture).save(made, "png")
    return made.getvalue()


@contextmanager
def chromium(url: str, profile: Path) -> Iterator[None]:
    assert shutil.which("chromium"), "there is no chromium: run hack/setup/packages.sh"
    with (profile.parent / "chromium.log").open("wb") as log:
        started = subprocess.Popen([*CHROMIUM, f"--user-data-dir={profile}", url], stdout=log, stderr=log)
        try:
            yield
        finally:
            started.terminate()
            started.wait(timeout=30)


def test_004_the_page_in_a_browser_gives_what_keras_gives(
    trained: Callable[[str], Trained], tmp_path: Path, digits: np.ndarray
) -> None:
    model, pictures = trained("mnist-cnn"), digits
    folder = model.version / "assets.extra" / "exports" / "tfjs"
    with page(folder, pictures) as (url, posted), chromium(url, tmp_path / "profile"):
        told = posted.get(timeout=90)
    assert "error" not in told, told
    keras = json.loads(script("-c", KERAS, model.left / "mnist_cnn.h5", DATA["mnist"] / "mnist.npz", str(COUNT)))
    assert np.array(told["answers"]) == pytest.approx(np.array(keras), abs=1e-5)
    assert told["shown"] == str(np.argmax(keras[0]))
    for drawn in np.array(told["drawn"]).reshape(-1, 28, 28):
        rows, columns = (np.flatnonzero(drawn.max(axis=axis) > 64) for axis in (1, 0))
        assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
        assert abs(rows.min() + rows.max() - 27) <= 2
        assert abs(columns.min() + columns.max() - 27) <= 2
