"""Fixtures that several kinds of tests share: SavedModels made by TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from testkit.artefacts import artefact

TESTS = Path(__file__).resolve().parent

# Tests start processes by the hundred that import TensorFlow. Two thirds of that is compiling, unless the first one may keep it for the others.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names a case of bytes by its argument and place, not by its content.

    Content can hold the time (gzip's head), and workers that collect different names run nothing.
    """
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of SavedModels: see testkit.saved_models. Not to be written to."""
    made_from = [TESTS / "testkit" / name for name in ("saved_models.py", "freezable.py")]
    return artefact("saved-models", made_from, make_saved_models, tmp_path_factory.mktemp("saved-models"))


def make_saved_models(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "testkit.saved_models", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
