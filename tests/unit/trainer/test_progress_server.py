"""The sidecar of a training, as a process of its own, asked over a socket."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.apiserver import free_port
from tfmodel.progress import HISTORY_FILE


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder for the training's files, and the address of the sidecar that reads it."""
    port = free_port()
    flags = (f"--port={port}", f"--progress-file={tmp_path / 'progress.json'}", f"--log-dir={tmp_path}")
    command = [sys.executable, "-m", "tfmodel_trainer.progress_server", "--model=iris", "--run=1-abc", *flags]
    with subprocess.Popen(command) as process:
        address = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{address}/progress", timeout=5).close()
                break
            except OSError:
                time.sleep(0.05)
        yield tmp_path, address
        process.terminate()
        assert process.wait(5) == 0


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def test_it_tells_what_the_training_wrote_and_ends_at_once(sidecar: tuple[Path, str]) -> None:
    folder, address = sidecar
    assert json.loads(get(f"{address}/progress")) == {"metrics": {}}
    assert json.loads(get(f"{address}/history")) == []
    told = {"epoch": 3, "step": 12, "progressPercentage": 25, "estimatedRemainingSeconds": 60, "metrics": {"loss": 0.5}}
    (folder / "progress.json").write_text(json.dumps(told))
    (folder / HISTORY_FILE).write_text('{"epoch": 1, "metrics": {"loss": 0.9}}\nnonsense\n')
    assert json.loads(get(f"{address}/progress")) == told
    assert json.loads(get(f"{address}/history")) == [{"epoch": 1, "metrics": {"loss": 0.9}}]
    metrics = get(f"{address}/metrics").splitlines()
    labels = 'model="iris",run="1-abc"'
    for line in (
        f"tfmodel_training_progress_ratio{{{labels}}} 0.25",
        f"tfmodel_training_epochs{{{labels}}} 3.0",
        f"tfmodel_training_steps{{{labels}}} 12.0",
        f"tfmodel_training_estimated_remaining_seconds{{{labels}}} 60.0",
        f'tfmodel_training_metric{{metric="loss",{labels}}} 0.5',
    ):
        assert line in metrics


def test_what_the_training_wrote_is_not_trusted(sidecar: tuple[Path, str]) -> None:
    folder, address = sidecar
    for text in ('{"epoch": -3}', "x" * 100_000, '{"metrics": {"a\\"} 1\\nup 0": 1}}'):
        (folder / "progress.json").write_text(text)
        assert json.loads(get(f"{address}/progress")) == {"metrics": {}}
        assert "up 0" not in get(f"{address}/metrics")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(f"{address}/etc/passwd")
