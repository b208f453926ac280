"""When batches run: a queue for what can be put together, threads that are shared, and nobody who waits for nothing.

Everything but the runs takes place in the event loop, so that no lock is needed. A batch is taken when a thread is free and it is
full or its oldest request has waited long enough. A request whose deadline has passed, or whose client is gone, is left out. If
the merged run fails, each of its requests runs alone, so that nobody gets another's error.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from tfmodel_runtime.batching import merging
from tfmodel_runtime.batching.merging import Tensors
from tfmodel_runtime.batching.parameters import Parameters
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import OverloadedError, RuntimeFault, TimedOutError

Result = TypeVar("Result")
Run = Callable[[Tensors, float | None], dict[str, Array]]


class Observer(Protocol):
    """Is told of batches."""

    def batch_ran(self, model: str, signature: str, rows: int, waits: list[float]) -> None:
        """A batch of so many rows ran, after its requests had waited so many seconds."""

    def batch_queued(self, model: str, change: int) -> None:
        """So many requests more, or less, wait."""


@dataclass(frozen=True, slots=True)
class Key:
    """What can be put together, and whom to tell of it: `identity` is equal for requests that may share a run."""

    model: str
    signature: str
    identity: Hashable


@dataclass(slots=True)
class Task:
    """A request, or a slice of one, that waits."""

    feeds: Tensors
    rows: int
    deadline: float | None
    outcome: "asyncio.Future[dict[str, Array]]"
    since: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class _Queue:
    key: Key
    parameters: Parameters
    run: Run
    tasks: deque[Task] = field(default_factory=deque)
    rows: int = 0
    timer: asyncio.TimerHandle | None = None

    def is_due(self, now: float) -> bool:
        waited = now - self.tasks[0].since
        return self.rows >= self.parameters.max_rows or waited >= self.parameters.timeout_seconds

    def take(self) -> list[Task]:
        """As many as one batch holds."""
        taken: list[Task] = []
        rows = 0
        while self.tasks and (not taken or rows + self.tasks[0].rows <= self.parameters.max_rows):
            taken.append(self.tasks.popleft())
            rows += taken[-1].rows
        self.rows -= rows
        return taken


class Scheduler:
    """Runs batches in `threads` threads. `close` ends them."""

    def __init__(self, threads: int, observer: Observer) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="batch")
        self._free = threads
        self._observer = observer
        self._queues: dict[Key, _Queue] = {}
        self._running: set[asyncio.Task[None]] = set()

    def submit(self, key: Key, parameters: Parameters, run: Run, task: Task) -> None:
        """Lets a request wait for its batch; its outcome is set once no run uses it any more.

        Raises:
            OverloadedError: the queue is full.
        """
        queue = self._queues.setdefault(key, _Queue(key, parameters, run))
        if queue.rows + task.rows > parameters.max_rows * parameters.max_enqueued_batches and queue.tasks:
            raise OverloadedError("The batch scheduling queue to which this task was submitted is full")
        queue.tasks.append(task)
        queue.rows += task.rows
        self._observer.batch_queued(key.model, 1)
        self._pump()

    def withdraw(self, key: Key, task: Task) -> bool:
        """Takes a request back; False if it runs already."""
        queue = self._queues.get(key)
        if queue is None or task not in queue.tasks:
            return False
        queue.tasks.remove(task)
        queue.rows -= task.rows
        self._observer.batch_queued(key.model, -1)
        self._drop_if_empty(queue)
        return True

    def _pump(self) -> None:
        """Starts what is due, the queue whose request has waited longest first."""
        now = time.monotonic()
        waiting = sorted(
            (queue for queue in self._queues.values() if queue.tasks), key=lambda queue: queue.tasks[0].since
        )
        for queue in waiting:
            while self._free and queue.tasks and queue.is_due(now):
                self._start(queue, queue.take())
            self._set_timer(queue, now)
            self._drop_if_empty(queue)

    def _set_timer(self, queue: _Queue, now: float) -> None:
        if queue.timer is not None:
            queue.timer.cancel()
            queue.timer = None
        if queue.tasks and self._free:
            left = max(0.0, queue.parameters.timeout_seconds - (now - queue.tasks[0].since))
            queue.timer = asyncio.get_running_loop().call_later(left, self._pump)

    def _drop_if_empty(self, queue: _Queue) -> None:
        if not queue.tasks and self._queues.get(queue.key) is queue:
            if queue.timer is not None:
                queue.timer.cancel()
            del self._queues[queue.key]

    def _start(self, queue: _Queue, tasks: list[Task]) -> None:
        self._observer.batch_queued(queue.key.model, -len(tasks))
        self._free -= 1
        running = asyncio.create_task(self._execute(queue, tasks))
        self._running.add(running)
        running.add_done_callback(self._ended)

    def _ended(self, running: "asyncio.Task[None]") -> None:
        self._running.discard(running)
        self._free += 1
        self._pump()

    async def _execute(self, queue: _Queue, tasks: list[Task]) -> None:
        now = time.monotonic()
        alive = [task for task in tasks if not _expire(task, now)]
        if not alive:
            return
        total = queue.parameters.rows_to_run(sum(task.rows for task in alive))
        self._observer.batch_ran(queue.key.model, queue.key.signature, total, [now - task.since for task in alive])
        try:
            answers = await self._in_thread(partial(_merged_run, queue.run, alive, total))
        except (RuntimeFault, merging.NotSplittableError) as error:
            if len(alive) == 1 and isinstance(error, RuntimeFault):
                _fail(alive[0], error)
                return
            await self._one_by_one(queue.run, alive)
            return
        except Exception as error:  # noqa: BLE001 - a stage's rim: whoever waits must hear of it
            for task in alive:
                _fail(task, error)
            return
        for task, answer in zip(alive, answers, strict=True):
            _answer(task, answer)

    async def _one_by_one(self, run: Run, tasks: list[Task]) -> None:
        for task in tasks:
            if _expire(task, time.monotonic()):
                continue
            try:
                _answer(task, await self._in_thread(partial(_lone_run, run, task)))
            except Exception as error:  # noqa: BLE001 - a stage's rim: whoever waits must hear of it
                _fail(task, error)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Ends the threads once they are idle."""
        self._threads.shutdown(wait=True)


def _merged_run(run: Run, tasks: list[Task], total: int) -> list[dict[str, Array]]:
    lefts = [_left(task) for task in tasks]
    longest = None if None in lefts else max(left for left in lefts if left is not None)
    outputs = run(merging.merge([task.feeds for task in tasks], total), longest)
    return merging.split(outputs, [task.rows for task in tasks], total)


def _lone_run(run: Run, task: Task) -> dict[str, Array]:
    return run(task.feeds, _left(task))


def _left(task: Task) -> float | None:
    return None if task.deadline is None else task.deadline - time.monotonic()


def _expire(task: Task, now: float) -> bool:
    if task.deadline is not None and task.deadline <= now:
        _fail(task, TimedOutError("Timed out waiting for notification"))
    return task.outcome.done()


def _fail(task: Task, error: Exception) -> None:
    if not task.outcome.done():
        task.outcome.set_exception(error)


def _answer(task: Task, answer: dict[str, Array]) -> None:
    if not task.outcome.done():
        task.outcome.set_result(answer)
