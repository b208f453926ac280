"""The clients, the same for all servers: wrk for REST, ghz for gRPC; connections are kept, each has one request in flight."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from comparison import outputs
from comparison.dialects import Dialect
from comparison.results import REST

_TIMEOUT = "30s"
_GHZ = "github.com/bojand/ghz/cmd/ghz@v0.120.0"
_LUA = """
local file = io.open("{body}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "application/json"
"""


class ClientError(Exception):
    """A client is missing, failed, or printed no figures."""


@dataclass(frozen=True, slots=True)
class Clients:
    """Paths of the programs, and a folder for the requests' bodies."""

    wrk: Path
    ghz: Path | None
    folder: Path

    def run(
        self, protocol: str, port: int, dialect: Dialect, body: bytes, *, connections: int, seconds: int
    ) -> outputs.Figures:
        """One run against a server on loopback.

        Raises:
            ClientError: no figures came of it.
        """
        file = self.folder / f"body.{protocol}"
        file.write_bytes(body)
        command = (self._wrk if protocol == REST else self._ghz)(file, port, dialect, connections, seconds)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 90, check=False)
            return (outputs.wrk if protocol == REST else outputs.ghz)(done.stdout + done.stderr)
        except (OSError, subprocess.TimeoutExpired, outputs.UnreadableOutputError) as error:
            raise ClientError(str(error)) from error

    def _wrk(self, body: Path, port: int, dialect: Dialect, connections: int, seconds: int) -> list[str]:
        script = self.folder / "post.lua"
        script.write_text(_LUA.format(body=body))
        run = [str(self.wrk), "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--latency"]
        return [*run, f"--timeout={_TIMEOUT}", f"--script={script}", f"http://127.0.0.1:{port}{dialect.path}"]

    def _ghz(self, body: Path, port: int, dialect: Dialect, connections: int, seconds: int) -> list[str]:
        types = self.folder / "descriptors.bin"
        types.write_bytes(resources.files("tfmodel.wire").joinpath("descriptors.bin").read_bytes())
        many = [f"--concurrency={connections}", f"--connections={connections}", f"--duration={seconds}s"]
        how = ["--insecure", f"--protoset={types}", f"--call={dialect.path}", f"--binary-file={body}"]
        return [str(self.ghz), *how, *many, "--duration-stop=ignore", f"--timeout={_TIMEOUT}", f"127.0.0.1:{port}"]


def found(cache: Path, folder: Path, *, needs_ghz: bool) -> Clients:
    """The clients; ghz is built with Go where it is missing.

    Raises:
        ClientError: one is missing and cannot be installed.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise ClientError("wrk is missing: apt-get install wrk")
    return Clients(Path(wrk), _found_ghz(cache) if needs_ghz else None, folder)


def _found_ghz(cache: Path) -> Path:
    found = shutil.which("ghz", path=str(cache / "bin")) or shutil.which("ghz")
    if found:
        return Path(found)
    go = shutil.which("go")
    if go is None:
        raise ClientError(
            "ghz is missing, and so is Go to build it: install either, or leave gRPC out (PROTOCOLS=rest)"
        )
    environment = {**os.environ, "GOBIN": str(cache / "bin")}
    done = subprocess.run([go, "install", _GHZ], env=environment, check=False)
    if done.returncode:
        raise ClientError(f"go install {_GHZ} failed")
    return cache / "bin" / "ghz"
