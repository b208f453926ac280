"""What several kinds of tests share: SavedModels made by TensorFlow, and the lanes that a full run has."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Two lanes for two processes: tests on the cluster mostly wait for it, all others mostly compute.

    A wrapper, so that xdist's own hook, which reads the lanes, comes after it.
    """
    for item in items:
        lane = "cluster" if TESTS / "e2e" in item.path.parents else "machine"
        item.add_marker(pytest.mark.xdist_group(lane))
    return (yield)


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of SavedModels: see testkit.saved_models. Not to be written to."""
    folder = tmp_path_factory.mktemp("saved-models")
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "testkit.saved_models", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder
