"""A real runtime in a process of its own, on ports that the system chose."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testkit import forked
from testkit.forked import Forked

_ITS_OWN = ("--processes=", "--optimize=")
"""Flags by which the process that begins differs from another."""
_PORTS = re.compile(r"gRPC on port (\d+), REST on port (\d+)")


class Served:
    """A runtime that runs; `context` is a client's, where it speaks TLS."""

    def __init__(
        self, process: subprocess.Popen[str] | Forked, log: Path, context: ssl.SSLContext | None = None
    ) -> None:
        self.process = process
        self.context = context
        self._log = log
        self.grpc_port, self.rest_port = self._ports()

    def _ports(self) -> tuple[int, int]:
        for _ in range(600):
            found = _PORTS.search(self.log())
            if found:
                return int(found[1]), int(found[2])
            assert self.process.poll() is None, self.log()
            time.sleep(0.05)
        raise AssertionError(f"the ports did not open:\n{self.log()}")

    def log(self) -> str:
        return self._log.read_text()

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of an answer; a body makes it a POST."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self._url(path), data, headers)
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.context) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def text(self, path: str) -> str:
        with urllib.request.urlopen(self._url(path), timeout=10, context=self.context) as answer:
            return str(answer.read().decode())

    def _url(self, path: str) -> str:
        return f"{'http' if self.context is None else 'https'}://127.0.0.1:{self.rest_port}{path}"

    def wait_ready(self) -> None:
        for _ in range(600):
            if self.ask("/readyz")[0] == 200:
                return
            time.sleep(0.05)
        raise AssertionError(f"not ready: {self.ask('/readyz')}\n{self.log()}")

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def serving(
    base_path: Path,
    log: Path,
    *flags: str,
    name: str = "m",
    wait: bool = True,
    context: ssl.SSLContext | None = None,
    is_forked: bool = True,
) -> Iterator[Served]:
    """A runtime for the versions under a folder; ended with the block.

    It is forked from a process that has imported it, in contract tests, unless how a process begins or ends is what is tested.
    """
    arguments = [
        *(f"--model_name={name}", f"--model_base_path={base_path}"),
        *("--bind_address=127.0.0.1", "--port=0", "--rest_api_port=0", "--drain_delay=0s"),
        *("--file_system_poll_wait_seconds=0.1", *flags),
    ]
    with log.open("w"):
        may_be = is_forked and forked.is_wanted and not any(flag.startswith(_ITS_OWN) for flag in flags)
        process = Forked(arguments, log) if may_be else _started(arguments, log)
    try:
        served = Served(process, log, context)
        if wait:
            served.wait_ready()
        yield served
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _started(arguments: list[str], log: Path) -> subprocess.Popen[str]:
    with log.open("a") as file:
        command = [sys.executable, "-m", "tfmodel_runtime.main", *arguments]
        return subprocess.Popen(command, stderr=file, text=True, env=dict(os.environ))
