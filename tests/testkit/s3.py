"""A real S3 server over a folder: versitygw, which hack/storage/bin.sh builds."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
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
