"""The servers that are compared: how each is installed, started and asked. What is special to one lies in bench/peers."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from comparison.dialects import INFER, PLAIN, PREDICT, V1, V2, Dialect
from comparison.models import NAME, Made
from comparison.results import GRPC, OURS, REST

FOLDER = Path(__file__).resolve().parents[1] / "peers"


@dataclass(frozen=True, slots=True)
class Ports:
    """Free ports on loopback."""

    rest: int
    grpc: int
    more: int
    """One more, for servers that insist on a third."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that is installed from PyPI and started by the adapter of its name.

    `packages` are those whose versions stand in the report. A dialect is None where the server does not speak the protocol;
    `lacks` says why.
    """

    name: str
    title: str
    packages: tuple[str, ...]
    rest: Dialect
    grpc: Dialect | None
    lacks: str = ""
    workers: int = 1
    """Processes that run the model; 0: it runs in the server's own."""
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def requirements(self) -> Path:
        """The file of its pinned packages."""
        return FOLDER / "requirements" / f"{self.name}.txt"

    def dialect(self, protocol: str) -> Dialect | None:
        """How it is asked over a protocol; None if it does not speak it."""
        return self.rest if protocol == REST else self.grpc

    def command(self, python: Path, made: Made, ports: Ports) -> list[str]:
        """The adapter, run by the Python of the peer's environment."""
        given = {
            "model": made.version,
            "name": NAME,
            "shape": ",".join(map(str, made.model.shape)),
            "rest-port": ports.rest,
            "grpc-port": ports.grpc,
            "more-port": ports.more,
            "workers": self.workers,
        }
        return [
            str(python),
            str(FOLDER / f"{self.name}_server.py"),
            *(f"--{name}={value}" for name, value in given.items()),
        ]


_DEBIANS = "/usr/bin/python3"

PEERS = {
    peer.name: peer
    for peer in (
        Peer("kserve", "KServe", ("kserve", "fastapi", "uvicorn", "grpcio"), V1, INFER),
        Peer("mlserver", "MLServer", ("mlserver", "fastapi", "uvicorn", "grpcio"), V2, INFER, workers=0),
        Peer(
            "bentoml",
            "BentoML",
            ("bentoml", "uvicorn"),
            PLAIN,
            None,
            "BentoML's services answer HTTP only since 1.2",
        ),
        Peer(
            "rayserve",
            "Ray Serve",
            ("ray", "uvicorn", "grpcio"),
            V1,
            INFER,
            environment={"PYTHONPATH": str(FOLDER)},  # its proxies and replicas import the adapter's modules
        ),
        Peer(
            "pytriton",
            "PyTriton",
            ("nvidia-pytriton",),
            V2,
            INFER,
            # Triton's Python backend loads the system's libpython, which has to be that of the environment.
            python=_DEBIANS if Path(_DEBIANS).exists() else sys.executable,
        ),
    )
}
TFSERVING = "tfserving"


@dataclass(frozen=True, slots=True)
class Program:
    """A server that is there already: ours out of a checkout, or TensorFlow Serving. Both take the same flags."""

    name: str
    title: str
    prefix: tuple[str, ...]
    """The command up to the flags."""
    flags: tuple[str, ...]
    base: Path | None = None
    """Where the server finds the models, if not where they are, as in a container."""
    rest: Dialect = V1
    grpc: Dialect = PREDICT
    lacks: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def dialect(self, protocol: str) -> Dialect:
        """How it is asked over a protocol."""
        return {REST: self.rest, GRPC: self.grpc}[protocol]

    def command(self, made: Made, ports: Ports) -> list[str]:
        """The program with its flags."""
        prefix = [part.replace("{base}", str(made.base)) for part in self.prefix]
        flags = [f"--model_name={NAME}", f"--model_base_path={self.base or made.base}"]
        return [*prefix, *flags, f"--port={ports.grpc}", f"--rest_api_port={ports.rest}", *self.flags]


Server = Peer | Program


def peer(name: str, workers: int | None = None) -> Peer:
    """One of PEERS, with so many workers where a number is given."""
    return PEERS[name] if workers is None else replace(PEERS[name], workers=workers)


def ours(checkout: Path, flags: str, workers: int | None = None) -> Program:
    """The runtime of a checkout, with its defaults but for `flags` and the number of its processes."""
    prefix = (str(checkout / ".venv" / "bin" / "python"), "-m", "tfmodel_runtime.main")
    processes = () if workers is None else (f"--processes={workers}",)
    given = ("--bind_address=127.0.0.1", "--drain_delay=0s", *processes, *shlex.split(flags))
    return Program(OURS, "tfmodel", prefix, given)


def tfserving(environment: Mapping[str, str] = os.environ) -> Program:
    """TensorFlow Serving, as TFSERVING_BINARY or TFSERVING_IMAGE name it.

    Raises:
        LookupError: neither is set.
    """
    flags = tuple(shlex.split(environment.get("TFSERVING_FLAGS", "--tensorflow_intra_op_parallelism=1")))
    if binary := environment.get("TFSERVING_BINARY"):
        return Program(TFSERVING, "TensorFlow Serving", (binary,), flags)
    if image := environment.get("TFSERVING_IMAGE"):
        # The variable by which the server's processes are found has to be in the container too.
        docker = ("docker", "run", "--rm", "--network=host", "--env", MARK, "--volume={base}:/models/m:ro")
        prefix = (*docker, "--entrypoint=tensorflow_model_server", image)
        return Program(TFSERVING, "TensorFlow Serving", prefix, flags, base=Path("/models/m"))
    raise LookupError("set TFSERVING_BINARY=path or TFSERVING_IMAGE=name (see bench/README.md)")


MARK = "TFMODEL_BENCH_SERVER"
"""The variable that all processes of a server inherit, by which they are found."""
