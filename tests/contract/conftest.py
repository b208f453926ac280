"""Real servers for the contract tests."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testkit import forked
from testkit.apiserver import ApiServer
from testkit.served import Served, serving

CRD = Path(__file__).resolve().parents[2] / "crds" / "tfmodels.yaml"


@pytest.fixture(scope="session", autouse=True)
def forked_runtimes() -> Iterator[None]:
    with forked.wanted():
        yield


class Inputs:
    """Counts what a test sends."""

    def __init__(self) -> None:
        self.count = 0

    def add(self) -> None:
        self.count += 1


@pytest.fixture
def inputs(record_property: Callable[[str, object], None]) -> Iterator[Inputs]:
    """The random inputs of a test, whose number stands in its report."""
    sent = Inputs()
    yield sent
    record_property("inputs", sent.count)


@pytest.fixture(scope="session")
def types(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The model `types`, served."""
    log = tmp_path_factory.mktemp("types") / "log"
    with serving(saved_models / "types", log) as served:
        yield served


@pytest.fixture(scope="session")
def half(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The model half_plus_two, served."""
    log = tmp_path_factory.mktemp("half") / "log"
    with serving(saved_models / "half_plus_two", log, name="half") as served:
        yield served


@pytest.fixture
def versions(saved_models: Path, tmp_path: Path) -> Path:
    """A folder with version 1 of half_plus_two, to which versions can be added."""
    base = tmp_path / "versions"
    shutil.copytree(saved_models / "half_plus_two" / "1", base / "1")
    return base


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real API server that knows TFModels."""
    server = ApiServer(tmp_path_factory.mktemp("apiserver"))
    try:
        server.kubectl("apply", "--server-side", "-f", str(CRD))
        server.wait_established("tfmodels.tfmodel.dev")
        yield server
    finally:
        server.stop()
