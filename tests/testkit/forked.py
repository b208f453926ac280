"""A runtime in a process of its own that begins with what is imported and opened already, as each of a runtime's several processes does.

A second of computing is spared each time. What a process does at its very end, Python's and the libraries' own leave-taking, is left out.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from pathlib import Path

is_wanted = False


class Forked:
    """As `subprocess.Popen`, as far as tests use it."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tfmodel_runtime.composition", "engine_opened"])
        self._process = context.Process(target=_serve, args=(arguments, log, dict(os.environ)))
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("tfmodel serve", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended this moment
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@contextmanager
def wanted() -> Iterator[None]:
    """Runtimes are forked; what they are forked from ends with the block."""
    global is_wanted  # noqa: PLW0603 - benchmarks measure a process as users start it, and import the same helper
    is_wanted = True
    yield
    is_wanted = False
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


def _serve(arguments: list[str], log: Path, environment: Mapping[str, str]) -> None:
    from tfmodel_runtime.main import main

    os.environ.clear()
    os.environ.update(environment)
    with log.open("a") as file:
        os.dup2(file.fileno(), 2)
    sys.exit(main(arguments))
