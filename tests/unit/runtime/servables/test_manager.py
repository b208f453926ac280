"""The life of versions, with a loader that does what a test tells it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tfmodel_runtime.errors import LabelNotFoundError, LoadError, ModelNotFoundError
from tfmodel_runtime.servables.loading import Loading, Retries
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.servables.policy import Everything, Latest, VersionPolicy
from tfmodel_runtime.servables.servable import ModelConfig
from tfmodel_runtime.servables.sources import DirectorySource
from tfmodel_runtime.servables.states import State


class FakeModel:
    load_seconds: ClassVar[dict[str, float]] = {}
    load_bytes = 0

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


class FakeLoader:
    """Loads at once, unless the version is held back or bad."""

    def __init__(self) -> None:
        self.bad: set[str] = set()
        self.unforeseen: set[str] = set()
        self.held: dict[str, threading.Event] = {}
        self.loads: list[str] = []
        self.models: dict[str, FakeModel] = {}

    def load(self, path: Path) -> Any:
        self.loads.append(path.name)
        if path.name in self.held:
            self.held[path.name].wait(10)
        if path.name in self.bad:
            raise LoadError(str(path), "data loss", 15)
        if path.name in self.unforeseen:
            raise MemoryError("no room")
        self.models[path.name] = FakeModel(path)
        return self.models[path.name]


class Silent:
    """Remembers the states, and says nothing."""

    def __init__(self) -> None:
        self.states: list[str] = []

    def state_changed(self, model: str, version: int, state: State) -> None:
        self.states.append(state.value)

    def loaded(self, model: str, version: int, phases: Any, size: int) -> None: ...

    def optimized(self, model: str, version: int, outcome: Any) -> None: ...

    def load_failed(self, model: str, version: int) -> None: ...


def add(base: Path, *versions: int) -> None:
    for version in versions:
        (base / str(version)).mkdir()
        (base / str(version) / "saved_model.pb").touch()


@asynccontextmanager
async def managing(
    base: Path, loader: FakeLoader, wanted: VersionPolicy | None = None, retries: Retries | None = None
) -> AsyncIterator[Manager]:
    model = ModelConfig("m", DirectorySource(base), wanted or Latest())
    manager = Manager([model], loader, Silent(), Loading(retries or Retries(0, 0)), poll_seconds=0.01)
    running = asyncio.create_task(manager.run())
    try:
        yield manager
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await manager.close()


async def until(manager: Manager, *, name: str = "m", **states: str) -> None:
    wanted = {int(key[1:]): state for key, state in states.items()}
    async with asyncio.timeout(10):
        while True:
            try:
                found = {one.version: one.state for one in manager.states(name)}
            except ModelNotFoundError:
                found = {}
            if wanted.items() <= found.items():
                return
            await asyncio.sleep(0.005)


async def test_a_new_version_replaces_the_old_one(tmp_path: Path) -> None:
    loader = FakeLoader()
    add(tmp_path, 1)
    async with managing(tmp_path, loader) as manager:
        await until(manager, v1="AVAILABLE")
        assert manager.is_ready()
        add(tmp_path, 2)
        await until(manager, v2="AVAILABLE", v1="END")
        with manager.acquire("m") as handle:
            assert handle.version == 2
    assert all(model.is_closed for model in loader.models.values())


async def test_a_request_keeps_the_version_it_began_with(tmp_path: Path) -> None:
    loader = FakeLoader()
    add(tmp_path, 1)
    async with managing(tmp_path, loader) as manager:
        await until(manager, v1="AVAILABLE")
        with manager.acquire("m") as handle:
            add(tmp_path, 2)
            await until(manager, v2="AVAILABLE", v1="UNLOADING")
            assert handle.version == 1
            assert not loader.models["1"].is_closed
            with pytest.raises(ModelNotFoundError):
                manager.acquire("m", 1).__enter__()
        await until(manager, v1="END")
        assert loader.models["1"].is_closed


async def test_a_version_that_does_not_load_harms_nobody(tmp_path: Path) -> None:
    loader = FakeLoader()
    loader.bad.add("2")
    add(tmp_path, 1)
    async with managing(tmp_path, loader) as manager:
        await until(manager, v1="AVAILABLE")
        add(tmp_path, 2)
        await until(manager, v2="END", v1="AVAILABLE")
        told = manager.states("m")[0]
        assert (told.version, told.error_code, told.error_message) == (2, 15, "data loss")
        with manager.acquire("m") as handle:
            assert handle.version == 1


async def test_a_failure_that_nobody_foresaw_ends_in_words_too(tmp_path: Path) -> None:
    loader = FakeLoader()
    loader.unforeseen.add("2")
    add(tmp_path, 1, 2)
    async with managing(tmp_path, loader, wanted=Everything()) as manager:
        await until(manager, v2="END", v1="AVAILABLE")
        told = manager.states("m")[0]
        assert (told.error_code, told.error_message) == (13, "MemoryError: no room")


async def test_two_reasons_to_act_at_once_unload_a_version_once(tmp_path: Path) -> None:
    loader = FakeLoader()
    seen = Silent()
    add(tmp_path, 1)
    manager = Manager([ModelConfig("m", DirectorySource(tmp_path), Latest())], loader, seen, poll_seconds=3600)
    await manager._follow(manager._models["m"])
    await until(manager, v1="AVAILABLE")
    await asyncio.gather(*manager._tasks)
    manager._models["m"].aspired = frozenset()
    manager._act(manager._models["m"])
    manager._act(manager._models["m"])
    assert len(manager._tasks) == 1
    await until(manager, v1="END")
    assert seen.states == ["New", "Loading", "Available", "Draining", "Unloaded"]
    await manager.close()


async def test_closing_ends_versions_that_were_already_draining(tmp_path: Path) -> None:
    loader = FakeLoader()
    add(tmp_path, 1)
    manager = Manager([ModelConfig("m", DirectorySource(tmp_path))], loader, Silent(), poll_seconds=3600)
    await manager._follow(manager._models["m"])
    await until(manager, v1="AVAILABLE")
    held = manager.acquire("m")
    held.__enter__()
    add(tmp_path, 2)
    await manager._follow(manager._models["m"])
    await until(manager, v2="AVAILABLE", v1="UNLOADING")
    closing = asyncio.create_task(manager.close())
    await until(manager, v2="END")
    assert not loader.models["1"].is_closed
    held.__exit__(None, None, None)
    await asyncio.wait_for(closing, 10)
    assert loader.models["1"].is_closed


async def test_retries_are_bounded_and_the_error_shows_meanwhile(tmp_path: Path) -> None:
    loader = FakeLoader()
    loader.bad.add("1")
    add(tmp_path, 1)
    async with managing(tmp_path, loader, retries=Retries(2, 0.01)) as manager:
        await until(manager, v1="END")
        assert loader.loads == ["1", "1", "1"]
        assert not manager.is_ready()


async def test_a_version_that_waits_for_its_retry_holds_up_no_other(tmp_path: Path) -> None:
    loader = FakeLoader()
    loader.bad.add("1")
    add(tmp_path, 1)
    async with managing(tmp_path, loader, retries=Retries(5, 3600)) as manager:
        await until(manager, v1="LOADING")
        add(tmp_path, 2)
        await until(manager, v2="AVAILABLE")
        assert manager.is_ready()


async def test_a_slow_load_keeps_the_old_version_serving(tmp_path: Path) -> None:
    loader = FakeLoader()
    loader.held["2"] = threading.Event()
    add(tmp_path, 1)
    async with managing(tmp_path, loader) as manager:
        await until(manager, v1="AVAILABLE")
        add(tmp_path, 2)
        await until(manager, v2="LOADING", v1="AVAILABLE")
        with manager.acquire("m") as handle:
            assert handle.version == 1
        loader.held["2"].set()
        await until(manager, v2="AVAILABLE", v1="END")


async def test_when_the_newest_goes_the_one_before_it_comes_back(tmp_path: Path) -> None:
    loader = FakeLoader()
    add(tmp_path, 1, 2)
    async with managing(tmp_path, loader) as manager:
        await until(manager, v2="AVAILABLE")
        (tmp_path / "2" / "saved_model.pb").unlink()
        await until(manager, v1="AVAILABLE", v2="END")


async def test_a_folder_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    base = tmp_path / "models"
    base.mkdir()
    add(base, 1)
    async with managing(base, FakeLoader()) as manager:
        await until(manager, v1="AVAILABLE")
        base.rename(tmp_path / "away")
        await asyncio.sleep(0.05)
        with manager.acquire("m") as handle:
            assert handle.version == 1


async def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    add(tmp_path, 1)
    async with managing(tmp_path, FakeLoader()) as manager:
        await until(manager, v1="AVAILABLE")
        for name, version in (("other", None), ("m", 7)):
            with pytest.raises(ModelNotFoundError):
                manager.acquire(name, version).__enter__()
        with pytest.raises(LabelNotFoundError):
            manager.acquire("m", label="canary").__enter__()


def test_names_that_are_no_versions_are_not_versions(tmp_path: Path) -> None:
    for name in ("1_backup", ".6", "tmp", "-3", "\u0663", str(2**63)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    add(tmp_path, 4)
    (tmp_path / "5").mkdir()
    assert set(DirectorySource(tmp_path).versions() or {}) == {4}


def test_a_managed_store_gives_only_complete_versions(tmp_path: Path) -> None:
    add(tmp_path, 1, 2)
    (tmp_path / "2" / "assets.extra").mkdir()
    (tmp_path / "2" / "assets.extra" / "tfmodel.json").write_text("{}")
    assert set(DirectorySource(tmp_path, is_managed=True).versions() or {}) == {2}


async def test_models_are_added_and_taken_away_while_it_runs(tmp_path: Path) -> None:
    loader = FakeLoader()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        add(tmp_path / name, 1)
    first, second = (ModelConfig(name, DirectorySource(tmp_path / name)) for name in ("a", "b"))
    manager = Manager([first], loader, Silent(), Loading(Retries(0, 0)), poll_seconds=3600)
    running = asyncio.create_task(manager.run())
    assert await manager.settled({"a"}) == {}
    manager.configure([second])
    assert await manager.settled({"b"}) == {}
    assert manager.names() == {"b"}
    with pytest.raises(ModelNotFoundError), manager.acquire("a"):
        pass
    await until(manager, name="a", v1="END")
    loader.bad.add("2")
    (tmp_path / "c").mkdir()
    add(tmp_path / "c", 2)
    manager.configure([second, ModelConfig("c", DirectorySource(tmp_path / "c"))])
    assert await manager.settled({"b", "c"}) == {"c": "data loss"}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await manager.close()


async def test_a_model_that_is_taken_away_is_not_tried_again(tmp_path: Path) -> None:
    loader = FakeLoader()
    loader.bad.add("1")
    add(tmp_path, 1)
    async with managing(tmp_path, loader, retries=Retries(5, 3600)) as manager:
        await until(manager, v1="LOADING")
        manager.configure([])
        await until(manager, v1="END")
    assert loader.loads == ["1"]


async def test_a_label_takes_effect_when_its_version_is_available(tmp_path: Path) -> None:
    loader = FakeLoader()
    add(tmp_path, 1)

    def labelled(version: int) -> ModelConfig:
        return ModelConfig("m", DirectorySource(tmp_path), Everything(), {"stable": version})

    manager = Manager([labelled(1)], loader, Silent(), Loading(Retries(0, 0)), poll_seconds=0.01)
    running = asyncio.create_task(manager.run())
    await until(manager, v1="AVAILABLE")
    manager.configure([labelled(2)])
    with manager.acquire("m", label="stable") as handle:
        assert handle.version == 1
    add(tmp_path, 2)
    await until(manager, v2="AVAILABLE")
    with manager.acquire("m", label="stable") as handle:
        assert handle.version == 2
    with pytest.raises(LabelNotFoundError), manager.acquire("m", label="other"):
        pass
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await manager.close()
