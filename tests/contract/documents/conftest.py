"""Each example of the documents, trained once by `tfmodel run`, as a reader runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from testkit.artefacts import REPOSITORY, artefact

EXAMPLES = REPOSITORY / "examples"
MAKING = ("sdk", "trainer", "cli")
PRINTED = "printed.txt"
DATA = {"iris": EXAMPLES / "iris" / "data", "mnist": EXAMPLES / "mnist-data" / "data"}
ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}


class Trained:
    """What `tfmodel run` left in its work folder, and printed."""

    def __init__(self, example: str, folder: Path, printed: str) -> None:
        self.example = example
        self.folder = folder
        self.printed = printed

    @property
    def base_path(self) -> Path:
        """The folder of the published versions."""
        return self.folder / "store" / self.example

    @property
    def version(self) -> Path:
        return self.base_path / "1"

    @property
    def left(self) -> Path:
        """What the script wrote to $TFMODEL_EXPORT_DIR."""
        return self.folder / "tfmodel" / "export"

    @property
    def run(self) -> Path:
        """What outlives the run: logs, checkpoints."""
        return self.folder / "tfmodel" / "run"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Trains an example and publishes version 1, once for what it is made from."""
    done: dict[str, Trained] = {}

    def training(example: str) -> Trained:
        if example not in done:
            data = DATA[data_of(example)]
            made_from = [*(REPOSITORY / program for program in MAKING), EXAMPLES / example, data]
            folder = artefact(example, made_from, lambda to: train(example, to), tmp_path_factory.mktemp(example))
            done[example] = Trained(example, folder, (folder / PRINTED).read_text())
        return done[example]

    return training


def data_of(example: str) -> str:
    return "iris" if example.startswith("iris") else "mnist"


def train(example: str, folder: Path) -> None:
    data = data_of(example)
    flags = (f"--input={data}={DATA[data]}", "--once", f"--work-dir={folder}", *ports())
    command = [sys.executable, "-m", "tfmodel_cli.main", "run", str(EXAMPLES / example), *flags]
    found = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]
    (folder / PRINTED).write_text(found.stdout)


def ports() -> tuple[str, str]:
    from testkit.apiserver import free_port

    return f"--rest_api_port={free_port()}", f"--port={free_port()}"


def script(*command: str | Path) -> str:
    """Output of an example's own client."""
    done = subprocess.run(
        [sys.executable, *map(str, command)], env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
