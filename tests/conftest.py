"""Fixtures that several kinds of tests share: SavedModels made by TensorFlow."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from testkit.artefacts import artefact, by_module
from testkit.startup import sitecustomize

TESTS = Path(__file__).resolve().parent

# Tests start processes by the hundred that import TensorFlow. Two thirds of that is compiling, unless the first one may keep it for the others.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
STARTUP = str(Path(sitecustomize.__file__).parent)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [STARTUP, os.environ.get("PYTHONPATH")]))

# kubectl, helm and API servers live for seconds, of which Go's collector takes a quarter.
os.environ.setdefault("GOGC", "400")

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


# Where several processes share the files out, these take longest: they begin first, so that none is left alone at the end.
LONGEST = (
    "test_training",
    "test_examples",
    "test_failures",
    "test_install",
    "test_iris",
    "test_operator",
    "test_under_load",
    "test_memory",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names a case of bytes by its argument and place, not by its content.

    Content can hold the time (gzip's head), and workers that collect different names run nothing.
    """
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of SavedModels: see testkit.saved_models. Not to be written to."""
    made_from = [TESTS / "testkit" / name for name in ("saved_models.py", "freezable.py")]
    to = tmp_path_factory.mktemp("saved-models")
    return artefact("saved-models", made_from, by_module("testkit.saved_models"), to)
