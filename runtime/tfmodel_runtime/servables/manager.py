"""The manager: holds the servables of all models and moves each version through its life.

Every poll it asks each model's source which versions exist and its policy which of them are wanted, then lets
`policy.next_action` say what to do until there is nothing left to do. Loading, warming up and closing take place in threads;
everything else in the event loop, so that no lock is needed. A version that fails is tried again a bounded number of times, each
wait in a task of its own, so that it holds up nobody else. A request holds a version by a counted handle; unloading waits
until the count is 0. Models can be added and taken away while it runs.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tfmodel.memory import trim
from tfmodel_runtime.engine.modes import Mode
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.errors import LabelNotFoundError, LoadError, ModelNotFoundError, NoVersionsError
from tfmodel_runtime.servables import policy
from tfmodel_runtime.servables.loading import Loader, Loading, Observer
from tfmodel_runtime.servables.optimizing import Optimizing
from tfmodel_runtime.servables.servable import Handle, Model, ModelConfig, Servable, VersionState
from tfmodel_runtime.servables.states import LEGAL_MOVES, State
from tfmodel_runtime.statuses import Code

_log = logging.getLogger(__name__)


class Manager:
    """Holds the servables. `run` moves them until it is cancelled; `close` gives everything back."""

    def __init__(
        self,
        models: Iterable[ModelConfig],
        loader: Loader,
        observer: Observer,
        loading: Loading | None = None,
        *,
        poll_seconds: float = 1.0,
    ) -> None:
        self._models = {config.name: Model(config) for config in models}
        self._gone: dict[str, Model] = {}
        self._found: dict[tuple[str, int | None, str | None], Servable] = {}
        """What requests found; forgotten whenever a version or a label moves."""
        self._loader = loader
        self._observer = observer
        self._loading = loading or Loading()
        self._elsewhere = self._loading.elsewhere
        self._poll_seconds = poll_seconds
        threads = self._loading.threads or os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="load")
        self._tasks: set[asyncio.Task[None]] = set()
        self._reconfigured = asyncio.Event()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Follows the sources until cancelled; with a poll of 0 seconds it looks once, and again when models are configured."""
        while True:
            for model in list(self._models.values()):
                await self._follow(model)
            self._reconfigured.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._reconfigured.wait(), self._poll_seconds or None)

    async def close(self) -> None:
        """Unloads everything, waiting for those who hold a version."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        models = [*self._models.values(), *self._gone.values()]
        held = [(model, one) for model in models for one in model.versions.values()]
        for _model, one in held:
            if one.state is State.AVAILABLE:
                self._move(one, State.DRAINING)
        await asyncio.gather(*(self._unload(model, one) for model, one in held if one.state is State.DRAINING))
        self._threads.shutdown(wait=False)

    def configure(self, configs: Iterable[ModelConfig]) -> None:
        """Replaces the models by others. Those that stay keep what is loaded; those that go are unloaded."""
        wanted = {config.name: config for config in configs}
        for name in set(self._models) - set(wanted):
            gone = self._models.pop(name)
            gone.aspired = frozenset()
            self._gone[name] = gone
            self._found.clear()
            self._forsake(gone)
            self._act(gone)
        for name, config in wanted.items():
            found = self._models.get(name) or self._gone.pop(name, None) or Model(config)
            found.config = config
            self._move_labels(found)
            self._models[name] = found
        self._reconfigured.set()

    def configs(self) -> dict[str, ModelConfig]:
        """What each model is configured to be, by its name."""
        return {name: model.config for name, model in self._models.items()}

    def available(self, name: str) -> list[int]:
        """The versions of a model that answer, in each process, in order; none for a model that is not served."""
        model = self._models.get(name)
        return [one for one in model.available() if self._elsewhere.is_available(name, one)] if model else []

    def names(self) -> frozenset[str]:
        """Names of the models that are served."""
        return frozenset(self._models)

    def is_ready(self) -> bool:
        """Whether every model has an available version.

        Only wanted versions are ever loaded. One that is no longer wanted counts too: it stays until its successor is up, and
        a successor that cannot be loaded must not take a server out of service that answers.
        """
        return all(model.available() for model in self._models.values())

    async def settled(self, names: Iterable[str]) -> dict[str, str]:
        """Waits until each of the models answers or has nothing left to try; why, by name, for those that do not answer."""
        waiting, failed = set(names), {}
        while waiting:
            self._changed.clear()
            for name in list(waiting):
                model = self._models.get(name)
                told = (
                    [one.error for one in model.versions.values() if one.state is State.FAILED] if model else ["gone"]
                )
                is_busy = model is not None and any(
                    one.state in (State.NEW, State.LOADING) for one in model.versions.values()
                )
                if model is not None and model.available():
                    waiting.discard(name)
                elif told and not is_busy:
                    failed[name] = told[0]
                    waiting.discard(name)
            if waiting:
                await self._changed.wait()
        return failed

    @contextlib.contextmanager
    def acquire(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Handle]:
        """A version for the time of one request; the highest available one if none is named.

        Raises:
            ModelNotFoundError: the model or version is not available.
            LabelNotFoundError: no version has that label.
        """
        servable, handle = self.hold(name, version, label)
        try:
            yield handle
        finally:
            self.release(servable)

    def hold(self, name: str, version: int | None, label: str | None) -> tuple[Servable, Handle]:
        """As `acquire`, for whoever calls `release` once for each that it got.

        Raises:
            ModelNotFoundError: the model or version is not available.
            LabelNotFoundError: no version has that label.
        """
        key = (name, version, label)
        servable = self._found.get(key)
        if servable is None:
            servable = self._found[key] = self._find(name, version, label)
        if servable.model is None:
            raise ModelNotFoundError(name, version)
        handle = servable.handle
        if handle is None:
            handle = servable.handle = Handle(name, servable.version, servable.model)
        servable.holders += 1
        return servable, handle

    def would_hold(self, name: str, version: int | None, label: str | None, servable: Servable) -> bool:
        """Whether `hold` is known to give that version, and nothing has moved since it did."""
        return self._found.get((name, version, label)) is servable and servable.model is not None

    def hold_again(self, servable: Servable) -> None:
        """One more `release` of a version that is held will come."""
        servable.holders += 1

    def release(self, servable: Servable) -> None:
        """Lets a version go that was held."""
        servable.holders -= 1
        if servable.holders == 0:
            servable.released.set()

    def _find(self, name: str, version: int | None, label: str | None) -> Servable:
        model = self._models.get(name)
        if label is not None:
            if model is None or label not in model.labels:
                raise LabelNotFoundError(label)
            version = model.labels[label]
        if model is None:
            raise ModelNotFoundError(name, version)
        available = model.available()
        number = version if version is not None else available[-1] if available else None
        if number is None or number not in available:
            raise ModelNotFoundError(name, version)
        return model.versions[number]

    def states(self, name: str, version: int | None = None) -> list[VersionState]:
        """What is to be told of a model's versions, the newest first; versions that ended stay listed.

        Raises:
            NoVersionsError: nothing is known of the model or version.
        """
        model = self._models.get(name) or self._gone.get(name)
        told = self._elsewhere.together(name, model.told() if model else [])
        found = [one for one in told if version in (None, one.version)]
        if not found:
            raise NoVersionsError(name, version)
        return found

    def own_states(self) -> dict[str, list[VersionState]]:
        """What this process is to tell others of its versions, by models."""
        return {name: model.told() for name, model in [*self._gone.items(), *self._models.items()]}

    def look_again(self) -> None:
        """Does what can be done now that other processes have other versions."""
        for model in list(self._models.values()):
            self._act(model)

    async def _follow(self, model: Model) -> None:
        config = model.config
        existing = await asyncio.to_thread(config.source.versions)
        if existing is None or self._models.get(config.name) is not model:
            return
        labelled = frozenset(model.config.labels.values()) & existing.keys()
        model.aspired = policy.aspired(existing, model.config.version_policy) | labelled
        self._add_new(model, existing)
        self._forsake(model)
        self._act(model)

    def _add_new(self, model: Model, existing: Mapping[int, Path]) -> None:
        """Takes up versions that are wanted and not there, or wanted again after they were unloaded or replaced."""
        found, name = model.versions, model.config.name
        for number in model.aspired:
            if number not in found or found[number].state is State.UNLOADED:
                found[number] = Servable(name, number, existing[number])
                self._observer.state_changed(name, number, State.NEW)
        for number in set(found) - set(existing):
            if found[number].state is State.FAILED:
                del found[number]

    @staticmethod
    def _forsake(model: Model) -> None:
        for number, one in model.versions.items():
            if number not in model.aspired:
                one.unwanted.set()
            else:
                one.unwanted.clear()

    def _act(self, model: Model) -> None:
        self._move_labels(model)
        while True:
            match policy.next_action(model.snapshots(self._elsewhere.is_available)):
                case policy.Load(version):
                    self._begin_load(model, model.versions[version])
                case policy.Unload(version):
                    self._begin_unload(model, model.versions[version])
                case None:
                    return

    def _begin_load(self, model: Model, servable: Servable) -> None:
        self._move(servable, State.LOADING)
        self._start(self._load(model, servable))

    def _begin_unload(self, model: Model, servable: Servable) -> None:
        self._move(servable, State.DRAINING)
        self._move_labels(model)
        self._start(self._unload(model, servable))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _move_labels(self, model: Model) -> None:
        model.move_labels()
        self._found.clear()

    def _move(self, servable: Servable, state: State) -> None:
        if state not in LEGAL_MOVES[servable.state]:
            raise RuntimeError(f"a version cannot go from {servable.state} to {state}")
        servable.state = state
        self._found.clear()
        self._observer.state_changed(servable.name, servable.version, state)
        self._changed.set()

    async def _load(self, model: Model, servable: Servable) -> None:
        retries = self._loading.retries
        for attempt in range(retries.count + 1):
            if await self._load_once(model, servable):
                self._move(servable, State.AVAILABLE)
                self._act(model)
                if self._loading.optimizing is not None:
                    self._start(self._optimize(self._loading.optimizing, servable))
                return
            if attempt < retries.count:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(servable.unwanted.wait(), retries.seconds)
            if servable.unwanted.is_set():
                break
        self._move(servable, State.FAILED)
        self._act(model)

    async def _optimize(self, optimizing: Optimizing, servable: Servable) -> None:
        outcome = await optimizing.run(servable)
        if outcome is None or servable.state is not State.AVAILABLE:
            return
        self._observer.optimized(servable.name, servable.version, outcome)
        name = (servable.version, servable.name)
        if outcome.used is not Mode.NONE:
            _log.info(
                "version %d of %s runs on %s now, in %.2f of the processor time",
                *name,
                outcome.used.value,
                outcome.ratio,
            )
        if outcome.obstacle is not None:
            _log.info("version %d of %s: not optimised: %s: %s", *name, outcome.obstacle.value, outcome.message)

    async def _load_once(self, model: Model, servable: Servable) -> bool:
        begun = time.monotonic()
        try:
            await self._fill(model, servable)
        except LoadError as error:
            self._note_failure(servable, error.message, error.code)
            return False
        except Exception as error:  # noqa: BLE001 - a stage's rim: one version's load must not end in silence or end others
            _log.exception("loading version %d of %s failed unforeseen", servable.version, servable.name)
            self._note_failure(servable, f"{type(error).__name__}: {error}", Code.INTERNAL)
            return False
        servable.error, servable.error_code = "", 0
        seconds = time.monotonic() - begun
        if servable.model is not None:
            phases = {**servable.model.load_seconds, "total": seconds}
            self._observer.loaded(servable.name, servable.version, phases, servable.model.load_bytes)
        _log.info("version %d of %s is available after %.2f s", servable.version, servable.name, seconds)
        return True

    async def _fill(self, model: Model, servable: Servable) -> None:
        """Loads a version, beside those of its model that are no longer wanted, or in their place where both would not fit.

        Raises:
            LoadError: it cannot be loaded, or would not fit.
        """
        unwanted = [model.versions[number] for number in model.available() if number not in model.aspired]
        async with self._loading.room.reserved(servable.path, [one.path for one in unwanted]) as verdict:
            if not verdict.fits_after_unloading:
                raise LoadError(str(servable.path), verdict.reason, Code.RESOURCE_EXHAUSTED)
            if not verdict.fits:
                await self._unload_first(model, unwanted)
            loop = asyncio.get_running_loop()
            servable.model = await loop.run_in_executor(self._threads, self._loader.load, servable.path)

    async def _unload_first(self, model: Model, unwanted: list[Servable]) -> None:
        for one in unwanted:
            if one.state is State.AVAILABLE:
                _log.warning("version %d of %s makes room for its successor", one.version, one.name)
                self._move(one, State.DRAINING)
        self._move_labels(model)
        await asyncio.gather(*(self._unload(model, one) for one in unwanted if one.state is State.DRAINING))

    def _note_failure(self, servable: Servable, message: str, code: int) -> None:
        servable.error, servable.error_code = message, code
        self._observer.load_failed(servable.name, servable.version)
        _log.warning("cannot load version %d of %s: %s", servable.version, servable.name, message)

    async def _unload(self, model: Model, servable: Servable) -> None:
        """Waits until nobody holds a draining version, then gives its memory back."""
        while servable.holders:
            servable.released.clear()
            await servable.released.wait()
        loaded, servable.model, servable.handle = servable.model, None, None
        if loaded is not None:
            await asyncio.to_thread(_give_back, loaded)
        self._move(servable, State.UNLOADED)
        _log.info("version %d of %s is unloaded", servable.version, servable.name)
        self._act(model)


def _give_back(loaded: SavedModel) -> None:
    loaded.close()
    trim()
