"""The manager: holds the servables of all models and moves each version through its life.

Every poll it asks each model's source which versions exist and its policy which of them are wanted, then lets
`policy.next_action` say what to do until there is nothing left to do. Loading, warming up and closing take place in threads;
everything else in the event loop, so that no lock is needed. A version that fails is tried again a bounded number of times, each
wait in a task of its own, so that it holds up nobody else. A request holds a version by a counted handle; unloading waits
until the count is 0.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.errors import LabelNotFoundError, LoadError, ModelNotFoundError
from tfmodel_runtime.servables import policy
from tfmodel_runtime.servables.sources import DirectorySource
from tfmodel_runtime.servables.states import LEGAL_MOVES, State
from tfmodel_runtime.statuses import Code

_log = logging.getLogger(__name__)


class Loader(Protocol):
    """Makes a version callable. Called in threads."""

    def load(self, path: Path) -> SavedModel:
        """The version in that folder, warmed up.

        Raises:
            LoadError: it cannot be loaded.
        """


class Observer(Protocol):
    """Is told what happens to versions."""

    def state_changed(self, model: str, version: int, state: State) -> None:
        """A version is in a new state."""

    def loaded(self, model: str, version: int, seconds: float) -> None:
        """A version became available `seconds` after its loading began."""

    def load_failed(self, model: str, version: int) -> None:
        """An attempt to load a version failed."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A model: where its versions are, and which are wanted."""

    name: str
    source: DirectorySource
    version_policy: policy.VersionPolicy = field(default_factory=policy.Latest)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a failed load is tried again, and after how many seconds."""

    count: int = 5
    seconds: float = 60.0


@dataclass(slots=True)
class Servable:
    """One version of a model. `holders` counts the requests that use it."""

    name: str
    version: int
    path: Path
    state: State = State.NEW
    model: SavedModel | None = None
    error: str = ""
    error_code: int = 0
    holders: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Handle:
    """A version for the time of one request."""

    name: str
    version: int
    model: SavedModel


@dataclass(frozen=True, slots=True)
class VersionState:
    """What is told of a version: its state in TensorFlow Serving's words, and why it failed."""

    version: int
    state: str
    error_code: int
    error_message: str


class Manager:
    """Holds the servables. `run` moves them until it is cancelled; `close` gives everything back."""

    def __init__(
        self,
        models: list[ModelConfig],
        loader: Loader,
        observer: Observer,
        *,
        retries: Retries | None = None,
        poll_seconds: float = 1.0,
    ) -> None:
        self._models = {model.name: model for model in models}
        self._loader = loader
        self._observer = observer
        self._retries = retries or Retries()
        self._poll_seconds = poll_seconds
        self._servables: dict[str, dict[int, Servable]] = {model.name: {} for model in models}
        self._aspired: dict[str, frozenset[int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Follows the sources until cancelled."""
        while True:
            for model in self._models.values():
                await self._follow(model)
            await asyncio.sleep(self._poll_seconds)

    async def close(self) -> None:
        """Unloads everything, waiting for those who hold a version."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        held = [one for versions in self._servables.values() for one in versions.values()]
        for one in held:
            if one.state is State.AVAILABLE:
                self._move(one, State.DRAINING)
        await asyncio.gather(*(self._unload(one) for one in held if one.state is State.DRAINING))

    def names(self) -> frozenset[str]:
        """Names of the models that are served."""
        return frozenset(self._models)

    def is_ready(self) -> bool:
        """Whether every model has an available version.

        Only wanted versions are ever loaded. One that is no longer wanted counts too: it stays until its successor is up, and
        a successor that cannot be loaded must not take a server out of service that answers.
        """
        return all(
            any(one.state is State.AVAILABLE for one in versions.values()) for versions in self._servables.values()
        )

    @contextlib.contextmanager
    def acquire(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Handle]:
        """A version for the time of one request; the highest available one if none is named.

        Raises:
            ModelNotFoundError: the model or version is not available.
            LabelNotFoundError: no version has that label.
        """
        if label is not None:
            raise LabelNotFoundError(label)
        servable = self._find(name, version)
        if servable is None or servable.model is None:
            raise ModelNotFoundError(name, version)
        servable.holders += 1
        try:
            yield Handle(name, servable.version, servable.model)
        finally:
            servable.holders -= 1
            if servable.holders == 0:
                servable.released.set()

    def _find(self, name: str, version: int | None) -> Servable | None:
        versions = self._servables.get(name, {})
        if version is not None:
            found = versions.get(version)
            return found if found is not None and found.state is State.AVAILABLE else None
        available = [number for number, one in versions.items() if one.state is State.AVAILABLE]
        return versions[max(available)] if available else None

    def states(self, name: str, version: int | None = None) -> list[VersionState]:
        """What is to be told of a model's versions, the newest first; versions that ended stay listed.

        Raises:
            ModelNotFoundError: nothing is known of the model.
        """
        versions = self._servables.get(name)
        found = [one for one in (versions or {}).values() if version in (None, one.version)]
        if not found:
            raise ModelNotFoundError(name, version)
        newest_first = sorted(found, key=lambda one: one.version, reverse=True)
        return [VersionState(one.version, one.state.wire_name, one.error_code, one.error) for one in newest_first]

    async def _follow(self, model: ModelConfig) -> None:
        existing = await asyncio.to_thread(model.source.versions)
        if existing is None:
            return
        self._aspired[model.name] = policy.aspired(existing, model.version_policy)
        self._add_new(model.name, existing)
        self._act(model.name)

    def _add_new(self, name: str, existing: Mapping[int, Path]) -> None:
        """Takes up versions that are wanted and not there, or wanted again after they were unloaded or replaced."""
        found = self._servables[name]
        for number in self._aspired[name]:
            if number not in found or found[number].state is State.UNLOADED:
                found[number] = Servable(name, number, existing[number])
                self._observer.state_changed(name, number, State.NEW)
        for number in set(found) - set(existing):
            if found[number].state is State.FAILED:
                del found[number]

    def _act(self, name: str) -> None:
        found, wanted = self._servables[name], self._aspired.get(name, frozenset())
        while True:
            snapshots = [policy.Snapshot(one.version, one.state, one.version in wanted) for one in found.values()]
            match policy.next_action(snapshots):
                case policy.Load(version):
                    self._move(found[version], State.LOADING)
                    self._start(self._load(found[version]))
                case policy.Unload(version):
                    self._move(found[version], State.DRAINING)
                    self._start(self._unload(found[version]))
                case None:
                    return

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _move(self, servable: Servable, state: State) -> None:
        if state not in LEGAL_MOVES[servable.state]:
            raise RuntimeError(f"a version cannot go from {servable.state} to {state}")
        servable.state = state
        self._observer.state_changed(servable.name, servable.version, state)

    async def _load(self, servable: Servable) -> None:
        for attempt in range(self._retries.count + 1):
            if await self._load_once(servable):
                self._move(servable, State.AVAILABLE)
                self._act(servable.name)
                return
            if attempt < self._retries.count:
                await asyncio.sleep(self._retries.seconds)
            if servable.version not in self._aspired.get(servable.name, frozenset()):
                break
        self._move(servable, State.FAILED)
        self._act(servable.name)

    async def _load_once(self, servable: Servable) -> bool:
        begun = time.monotonic()
        try:
            servable.model = await asyncio.to_thread(self._loader.load, servable.path)
        except LoadError as error:
            self._note_failure(servable, error.message, error.code)
            return False
        except Exception as error:  # noqa: BLE001 - a stage's rim: one version's load must not end in silence or end others
            _log.exception("loading version %d of %s failed unforeseen", servable.version, servable.name)
            self._note_failure(servable, f"{type(error).__name__}: {error}", Code.INTERNAL)
            return False
        servable.error, servable.error_code = "", 0
        seconds = time.monotonic() - begun
        self._observer.loaded(servable.name, servable.version, seconds)
        _log.info("version %d of %s is available after %.2f s", servable.version, servable.name, seconds)
        return True

    def _note_failure(self, servable: Servable, message: str, code: int) -> None:
        servable.error, servable.error_code = message, code
        self._observer.load_failed(servable.name, servable.version)
        _log.warning("cannot load version %d of %s: %s", servable.version, servable.name, message)

    async def _unload(self, servable: Servable) -> None:
        """Waits until nobody holds a draining version, then gives its memory back."""
        while servable.holders:
            servable.released.clear()
            await servable.released.wait()
        model, servable.model = servable.model, None
        if model is not None:
            await asyncio.to_thread(model.close)
        self._move(servable, State.UNLOADED)
        _log.info("version %d of %s is unloaded", servable.version, servable.name)
        self._act(servable.name)
