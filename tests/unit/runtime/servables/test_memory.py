"""Whether a version fits, and what happens to the one before where both do not."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar

from tfmodel_runtime.errors import LoadError
from tfmodel_runtime.servables.loading import Loading, Retries
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.servables.memory import Room, needed_bytes, verdict
from tfmodel_runtime.servables.servable import ModelConfig
from tfmodel_runtime.servables.sources import DirectorySource
from tfmodel_runtime.servables.states import State

MIB = 2**20


def test_a_verdict_tells_whether_unloading_helps_and_what_is_short() -> None:
    assert verdict(10, 10, 0).fits
    found = verdict(20 * MIB, 10 * MIB, 10 * MIB)
    assert (found.fits, found.fits_after_unloading) == (False, True)
    found = verdict(30 * MIB, 10 * MIB, 10 * MIB)
    assert not found.fits_after_unloading
    assert "about 30 MiB, and 10 MiB are left of the memory limit" in found.reason


def test_what_a_version_carries_in_other_formats_needs_no_memory(tmp_path: Path) -> None:
    add(tmp_path, 1, 1000)
    (tmp_path / "1" / "variables").mkdir()
    (tmp_path / "1" / "variables" / "variables.data-00000-of-00001").write_bytes(b"0" * 500)
    exports = tmp_path / "1" / "assets.extra" / "exports"
    exports.mkdir(parents=True)
    (exports / "model.h5").write_bytes(b"0" * 9000)
    assert needed_bytes(tmp_path / "1") == 1800


class Machine:
    """A machine with room for so many bytes of models, which loads and closes them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used: dict[str, int] = {}
        self.most = 0

    def free(self) -> int:
        return self.limit - sum(self.used.values())

    def load(self, path: Path) -> Any:
        machine = self

        class Model:
            load_seconds: ClassVar[dict[str, float]] = {}
            load_bytes = 0

            def close(self) -> None:
                del machine.used[path.name]

        self.used[path.name] = needed_bytes(path)
        self.most = max(self.most, sum(self.used.values()))
        if sum(self.used.values()) > self.limit:
            raise LoadError(str(path), "killed", 8)
        return Model()


class Silent:
    def state_changed(self, model: str, version: int, state: State) -> None: ...

    def loaded(self, model: str, version: int, phases: Any, size: int) -> None: ...

    def optimized(self, model: str, version: int, outcome: Any) -> None: ...

    def load_failed(self, model: str, version: int) -> None: ...


def add(base: Path, version: int, size: int) -> None:
    (base / str(version)).mkdir()
    (base / str(version) / "saved_model.pb").write_bytes(b"0" * size)


async def state_of(manager: Manager, version: int, wanted: str) -> str:
    async with asyncio.timeout(10):
        while True:
            found = {one.version: one for one in manager.states("m")} if manager.available("m") else {}
            if version in found and found[version].state == wanted:
                return found[version].error_message
            await asyncio.sleep(0.005)


async def test_where_both_do_not_fit_the_old_one_is_unloaded_first_and_too_large_a_one_is_refused(
    tmp_path: Path,
) -> None:
    machine = Machine(1500)
    add(tmp_path, 1, 1000)
    config = ModelConfig("m", DirectorySource(tmp_path))
    loading = Loading(Retries(0, 0), room=Room(machine.free))
    manager = Manager([config], machine, Silent(), loading, poll_seconds=0.01)
    running = asyncio.create_task(manager.run())
    await state_of(manager, 1, "AVAILABLE")
    add(tmp_path, 2, 1100)
    await state_of(manager, 2, "AVAILABLE")
    assert manager.available("m") == [2]
    assert machine.most <= machine.limit
    add(tmp_path, 3, 2000)
    assert "raise serving.resources.limits.memory" in await state_of(manager, 3, "END")
    assert manager.available("m") == [2]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await manager.close()


async def test_loads_into_memory_with_a_limit_wait_for_other_processes(tmp_path: Path) -> None:
    turn = asyncio.Lock()

    async def load(room: Room) -> None:
        async with room.reserved(tmp_path):
            pass

    async with turn:
        limited = asyncio.create_task(load(Room(lambda: MIB, turn=lambda: turn)))
        await asyncio.wait_for(load(Room(lambda: None, turn=lambda: turn)), 10)
        done, _ = await asyncio.wait({limited}, timeout=0.2)
        assert not done
    await asyncio.wait_for(limited, 10)
