"""Which requests are put together: those to one version and signature, with rows of one shape (or padded to one)."""

import asyncio
import contextlib
from pathlib import Path
from weakref import WeakKeyDictionary

from tfmodel_runtime.batching import merging, parameters
from tfmodel_runtime.batching.parameters import Parameters
from tfmodel_runtime.batching.scheduler import Key, Observer, Scheduler, Task
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.signature import Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError, LoadError
from tfmodel_runtime.servables.servable import Handle
from tfmodel_runtime.statuses import Code


class Batching:
    """Batches the versions that it admitted. `shared` are the parameters of those that bring none; None: they are not batched."""

    def __init__(self, shared: Parameters | None, *, reads_versions: bool, observer: Observer) -> None:
        self._shared = shared
        self._reads_versions = reads_versions
        self._of: WeakKeyDictionary[SavedModel, Parameters] = WeakKeyDictionary()
        self._scheduler = Scheduler((shared or Parameters()).threads, observer)

    def admit(self, model: SavedModel, path: Path) -> None:
        """Settles how a version is batched, from its own file where that is asked for.

        Raises:
            LoadError: its file is no set of parameters.
        """
        found = self._shared
        if self._reads_versions:
            file = path / parameters.FILE_OF_A_VERSION
            try:
                found = parameters.parse(file.read_text()) if file.is_file() else None
            except (OSError, UnicodeDecodeError, InvalidInputError) as error:
                raise LoadError(str(path), f"{file.name}: {error}", Code.INVALID_ARGUMENT) from error
        if found is not None:
            self._of[model] = found

    def allowed_rows(self, model: SavedModel) -> tuple[int, ...]:
        """The numbers of rows that a version will be run with, to warm it up with; none if any number may come."""
        found = self._of.get(model)
        return found.allowed_rows if found else ()

    def takes(self, model: SavedModel, ask: Ask) -> bool:
        """Whether a request to that version is batched."""
        return model in self._of and bool(ask.feeds)

    async def run(self, handle: Handle, signature: Signature, ask: Ask, deadline: float | None) -> dict[str, Array]:
        """The outputs of a request that shares its run with others. Returns only once no run uses the version for it.

        Raises:
            InvalidInputError: it has no rows, or more than a batch may have.
            OverloadedError: too many requests wait.
            TimedOutError: its deadline passed while it waited or ran.
            RuntimeFault: its run failed.
        """
        found = self._of[handle.model]
        count = merging.rows(ask.feeds)
        if count > found.max_rows and not found.splits:
            raise InvalidInputError(f"Task size {count} is larger than maximum input batch size {found.max_rows}")
        fetches = tuple(ask.fetches or ())
        shapes = () if found.pads else merging.row_shapes(ask.feeds)
        key = Key(handle.name, signature.name, (id(handle.model), fetches, shapes))

        def run(feeds: merging.Tensors, left: float | None) -> dict[str, Array]:
            return handle.model.run(signature, feeds, ask.fetches, timeout_seconds=left)

        tasks: list[Task] = []
        try:
            for feeds in merging.slices(ask.feeds, count, found.max_rows):
                task = Task(feeds, merging.rows(feeds), deadline, asyncio.get_running_loop().create_future())
                self._scheduler.submit(key, found, run, task)
                tasks.append(task)
            return merging.joined(await asyncio.gather(*(asyncio.shield(task.outcome) for task in tasks)))
        finally:
            await self._release(key, tasks)

    async def _release(self, key: Key, tasks: list[Task]) -> None:
        """Takes back what waits, and waits for what runs: a version must be held for as long as a run uses it."""
        for task in tasks:
            if not task.outcome.done() and self._scheduler.withdraw(key, task):
                task.outcome.cancel()
        while pending := [task.outcome for task in tasks if not task.outcome.done()]:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(pending)
        for task in tasks:
            if not task.outcome.cancelled():
                task.outcome.exception()

    def close(self) -> None:
        """Ends the threads once they are idle."""
        self._scheduler.close()
