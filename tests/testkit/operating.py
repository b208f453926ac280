"""A real operator in a process of its own, against a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testkit.apiserver import ApiServer, free_port


class Operator:
    """An operator that runs."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    def get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError as error:
            return f"no answer: {error}"

    def leads(self) -> bool:
        return "tfmodel_operator_leader 1.0" in self.get("/metrics")


@contextmanager
def operating(
    server: ApiServer, folder: Path, name: str, kubeconfig: Path | None = None, *flags: str
) -> Iterator[Operator]:
    port, log = free_port(), folder / f"{name}.log"
    command = [sys.executable, "-m", "tfmodel_operator.main", f"--identity={name}", f"--metrics-port={port}"]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig or server.kubeconfig)}
    with log.open("wb") as file:
        process = subprocess.Popen([*command, "--resync-seconds=3600", *flags], env=environment, stderr=file)
    operator = Operator(process, port, log)
    try:
        yield operator
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def until(told: Callable[[], Any], what: str, seconds: float = 45) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = told()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


def jobs(server: ApiServer) -> list[dict[str, Any]]:
    found = server.get("/apis/batch/v1/namespaces/default/jobs")
    return list(json.loads(found)["items"]) if found else []


def job_of(server: ApiServer, name: str) -> list[dict[str, Any]]:
    return [job for job in jobs(server) if job["metadata"]["labels"]["tfmodel.dev/model"] == name]
