"""A real S3 server over a folder: versitygw, which hack/storage/bin.sh builds."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testkit.apiserver import free_port

KEY, SECRET = "tests-access-key", "tests-secret-key-that-nobody-may-see"


@contextmanager
def s3_server(folder: Path, *flags: str) -> Iterator[str]:
    """The address of a server whose buckets are the folders in `folder`/buckets."""
    port = free_port()
    for name in ("buckets", "sidecar"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    command = [
        *(
            "versitygw",
            f"--port=127.0.0.1:{port}",
            f"--access={KEY}",
            f"--secret={SECRET}",
            "--region=us-east-1",
            *flags,
        ),
        *("posix", "--sidecar", str(folder / "sidecar"), str(folder / "buckets")),
    ]
    with (folder / "s3.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            address = f"127.0.0.1:{port}"
            _wait(f"http://{address}", server, folder / "s3.log", is_secure=bool(flags))
            yield address
        finally:
            server.terminate()
            server.wait(20)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path, *, is_secure: bool) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.HTTPError as error:
            error.close()
            return
        except (OSError, ValueError) as error:
            if is_secure and "refused" not in str(error):
                return
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


@contextmanager
def breaking_proxy(target: str, *, after: int) -> Iterator[tuple[str, list[int]]]:
    """A proxy before a server that breaks its connection, once, when so many bytes have been answered; and how often it did."""
    listener = socket.create_server(("127.0.0.1", 0))
    state = _Broken(after, [])
    thread = threading.Thread(target=_accept, args=(listener, target, state), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", state.times
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@dataclass
class _Broken:
    after: int
    times: list[int]
    told: int = 0


def _accept(listener: socket.socket, target: str, state: _Broken) -> None:
    host, _, port = target.partition(":")
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = socket.create_connection((host, int(port)))
        for pair in ((client, server, None), (server, client, state)):
            threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, state: _Broken | None) -> None:
    with source, sink:
        try:
            while chunk := source.recv(65536):
                if state is not None:
                    state.told += len(chunk)
                    if state.told > state.after and not state.times:
                        state.times.append(1)
                        sink.shutdown(socket.SHUT_RDWR)
                        return
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return
