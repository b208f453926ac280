"""One request's call of a model, while it waits for it and until it has its outcome."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tfmodel_runtime.batching import merging
from tfmodel_runtime.engine import pace
from tfmodel_runtime.engine.pace import Pace
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.signature import Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import RuntimeFault, TimedOutError

Outputs = dict[str, Array]
Done = Callable[[Outputs | None, BaseException | None], None]
LATE = "Timed out waiting for notification"


@dataclass(slots=True, eq=False)
class Work:
    """A call that is wanted. `done` gets its outputs, or why there are none, once; None where nobody waits any more."""

    model: SavedModel
    signature: Signature
    ask: Ask
    deadline: float | None
    done: Done | None
    rows: int = 1
    row_size: int = 1
    pace: Pace | None = None
    shares: bool = False
    """Whether it may share its call."""
    since: float = field(default_factory=time.perf_counter)

    def look(self) -> None:
        """Finds out how large it is, and whether it may share a call: rows of the very size that the signature tells."""
        found = self.pace = self.model.paces.get(self.signature.name)
        feeds = self.ask.feeds
        if found is None:
            return
        if not found.batches or self.ask.fetches is not None:
            self.row_size = pace.size_of(feeds)
            return
        inputs, rows, size = self.signature.inputs, 0, 0
        for alias, array in feeds.items():
            shape, told = array.shape, inputs[alias].shape
            if not shape or told is None or shape[1:] != told[1:] or (rows and shape[0] != rows) or not shape[0]:
                self.row_size = pace.size_of(feeds)
                return
            rows = shape[0]
            size += array.size
        self.rows, self.row_size, self.shares = rows, size // rows, len(feeds) == len(inputs)

    def answer(self, outputs: Outputs | None, error: BaseException | None) -> None:
        """Tells whoever waits of the outcome, once."""
        done, self.done = self.done, None
        if done is not None:
            done(outputs, error)

    def left(self) -> float | None:
        """Seconds until its deadline; None if it has none."""
        return None if self.deadline is None else self.deadline - time.monotonic()

    def is_late(self) -> bool:
        """Whether its deadline has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline


def outcomes(works: Sequence[Work]) -> list[Outputs | BaseException]:
    """Runs the calls: together, or if that fails, each alone, so that nobody gets another's error. Blocks.

    The first one's time counts for all: a call that is shared has the time of the one that has most left.
    """
    if len(works) > 1:
        try:
            return list(_together(works))
        except (RuntimeFault, merging.NotSplittableError):
            pass
    return [_alone(work) for work in works]


def _together(works: Sequence[Work]) -> list[Outputs]:
    first = works[0]
    lefts = [work.left() for work in works]
    longest = None if None in lefts else max(left for left in lefts if left is not None)
    rows = [work.rows for work in works]
    total = sum(rows)
    merged = merging.merge([work.ask.feeds for work in works], total)
    outputs = first.model.run(first.signature, merged, None, timeout_seconds=longest)
    return merging.split(outputs, rows, total)


def _alone(work: Work) -> Outputs | BaseException:
    try:
        return work.model.run(work.signature, work.ask.feeds, work.ask.fetches, timeout_seconds=work.left())
    except Exception as error:  # noqa: BLE001 - a stage's rim: whoever waits must hear of it
        return error


def late() -> TimedOutError:
    """What is told to a request whose deadline passed."""
    return TimedOutError(LATE)
