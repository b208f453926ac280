"""The clients, the same for all servers: wrk for REST, h2load for gRPC; connections are kept, each has one request in flight.

h2load knows HTTP/2, not gRPC: a call is a request whose body is one message with its prefix of 5 bytes, as
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md has it. It is written in C, as wrk is: a client in Go takes more of the
cores than the servers that are compared.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from comparison import outputs
from comparison.dialects import Dialect
from comparison.results import REST

_TIMEOUT = "30s"
_GRPC_HEADERS = ("content-type: application/grpc", "te: trailers")
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
    h2load: Path | None
    folder: Path

    def run(
        self, protocol: str, port: int, dialect: Dialect, body: bytes, *, connections: int, seconds: int
    ) -> outputs.Figures:
        """One run against a server on loopback.

        Raises:
            ClientError: no figures came of it.
        """
        try:
            if protocol == REST:
                return outputs.wrk(self._wrk(port, dialect, body, connections, seconds))
            return self._grpc(port, dialect, body, connections, seconds)
        except (OSError, subprocess.TimeoutExpired, outputs.UnreadableOutputError) as error:
            raise ClientError(str(error)) from error

    def _wrk(self, port: int, dialect: Dialect, body: bytes, connections: int, seconds: int) -> str:
        file, script = self.folder / "body.rest", self.folder / "post.lua"
        file.write_bytes(body)
        script.write_text(_LUA.format(body=file))
        run = [str(self.wrk), "--threads=1", f"--connections={connections}", f"--duration={seconds}s", "--latency"]
        url = f"http://127.0.0.1:{port}{dialect.path}"
        return _printed([*run, f"--timeout={_TIMEOUT}", f"--script={script}", url], seconds)

    def _grpc(self, port: int, dialect: Dialect, body: bytes, connections: int, seconds: int) -> outputs.Figures:
        """A call that fails has status 200 and no message, so the answers are told right by their bytes: those of one call, each."""
        file, log = self.folder / "body.grpc", self.folder / "calls.log"
        file.write_bytes(b"\0" + struct.pack(">I", len(body)) + body)
        headers = [f"--header={header}" for header in _GRPC_HEADERS]
        run = [str(self.h2load), "--threads=1", "--max-concurrent-streams=1", f"--data={file}", *headers]
        url = f"http://127.0.0.1:{port}/{dialect.path}"
        one = outputs.h2load_bytes(_printed([*run, "--requests=1", url], seconds))
        log.unlink(missing_ok=True)
        many = [f"--clients={connections}", f"--duration={seconds}", f"--log-file={log}"]
        return outputs.h2load(_printed([*run, *many, url], seconds), log.read_text(), one)


def _printed(command: list[str], seconds: int) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 90, check=False)
    return done.stdout + done.stderr


def found(folder: Path, *, needs_grpc: bool) -> Clients:
    """The clients, as PATH has them.

    Raises:
        ClientError: one is missing.
    """
    return Clients(_found("wrk", "wrk"), _found("h2load", "nghttp2-client") if needs_grpc else None, folder)


def _found(program: str, package: str) -> Path:
    found = shutil.which(program)
    if found is None:
        raise ClientError(f"{program} is missing: apt-get install {package}")
    return Path(found)
