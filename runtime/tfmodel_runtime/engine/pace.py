"""What is known of the time that a signature takes: measured when a version is warmed up, corrected by its runs.

A run of a light signature is shorter than handing it to a thread and back, so it may take place in the event loop; nothing else
may. So a guess is on the safe side: it grows with the rows, and with the size of a row, beyond which it is trusted little; and a
signature that takes longer than a run in the loop may, five times in a row, goes to the threads for a while, twice as long each
time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, inf, prod

from tfmodel_runtime.engine.tensors import Array

LIGHT_SECONDS = 0.0005
"""A call that takes no longer is light: about what a hand-over to a thread and back costs with caches gone cold."""
LOOP_SECONDS = 0.002
"""The longest that a run in the event loop may take: others wait so long."""
_SURPRISE_SECONDS = 2 * LOOP_SECONDS
_STALL_SECONDS = 0.1
"""A run that waits so long, time and again, waits by itself."""
_MOST_SURPRISES = 5
_FARTHEST = 4.0
_WORTH = 9
_FIRST_PENANCE = 64
_LONGEST_PENANCE = 2**16


@dataclass(slots=True)
class Pace:
    """The time of one signature. `seconds` is that of a call of one row of `row_size` values; infinite while nothing is known."""

    seconds: float = inf
    row_seconds: float = inf
    """The time that one row more takes in the same call."""
    row_size: int = 1
    batches: bool = False
    """Whether the rows of several requests may share a call: their answers are the same, and come sooner."""
    recent: int = 1
    """How many requests shared the latest call."""
    _surprises: int = 0
    _penance: int = 0
    _next_penance: int = _FIRST_PENANCE

    def expected(self, rows: int, row_size: int) -> float:
        """Seconds that a call of so many rows of that size takes, at most; infinite beyond what is known."""
        ratio = row_size / self.row_size
        if ratio > _FARTHEST:
            return inf
        first = self.seconds * ratio if ratio > 1.0 else self.seconds
        if rows <= 1:
            return first
        more = self.row_seconds * ratio if ratio > 1.0 else self.row_seconds
        return first + (rows - 1) * more

    def is_light(self) -> bool:
        """Whether a call of a row may run in the event loop."""
        return self.seconds <= LIGHT_SECONDS and not self._penance

    def most_rows(self, seconds: float, most: int) -> int:
        """How many rows a call may have to take no longer."""
        if not self.row_seconds:
            return most
        return max(1, min(most, 1 + int((seconds - self.seconds) / self.row_seconds))) if self.batches else 1

    def enough_rows(self, most: int) -> int:
        """Rows of a call beyond which one more would save less than a tenth of what a row costs: the call's own cost is shared out."""
        if not self.row_seconds or self.seconds == inf:
            return most
        return max(1, min(most, ceil(_WORTH * (self.seconds - self.row_seconds) / self.row_seconds)))

    @property
    def is_suspect(self) -> bool:
        """Whether the latest run in the event loop took too long, so that the next one's time on the core is of interest."""
        return self._surprises > 0

    def ran_in_loop(self, seconds: float, on_core: float | None = None) -> None:
        """A run in the event loop took so long, and so long on its core if that was looked at.

        On a busy machine any run may take long by accident, since the core was given to others meanwhile.
        """
        is_slow = (
            seconds > _SURPRISE_SECONDS if on_core is None else on_core > _SURPRISE_SECONDS or seconds > _STALL_SECONDS
        )
        if not is_slow:
            self._surprises = 0
            return
        self._surprises += 1
        if self._surprises >= _MOST_SURPRISES:
            self._surprises = 0
            self._penance = self._next_penance
            self._next_penance = min(2 * self._next_penance, _LONGEST_PENANCE)

    def ran_in_thread(self, rows: int, row_size: int, seconds: float) -> None:
        """A run in a thread took so long: what is known grows with it if it was shorter, or larger and still light."""
        if self._penance:
            self._penance -= 1
        each = seconds / max(1, rows)
        is_news = self.seconds == inf or (row_size >= self.row_size and each < self.seconds)
        is_larger = row_size > self.row_size and each <= LIGHT_SECONDS
        if is_news or is_larger:
            self.seconds, self.row_size = each, row_size
            self.row_seconds = min(self.row_seconds, each) if self.batches else each


def size_of(feeds: Mapping[str, Array]) -> int:
    """How many values are fed; of strings their bytes."""
    total = 0
    for array in feeds.values():
        total += array.size
        if array.dtype.kind == "O":
            total += sum(map(len, array.flat))
    return max(1, total)


def has_fixed_rows(shape: tuple[int, ...] | None) -> bool:
    """Whether a shape is that of any number of rows, all of one size."""
    return bool(shape) and shape[0] == -1 and -1 not in shape[1:]  # type: ignore[index] # bool() has seen to it


def row_size(shape: tuple[int, ...]) -> int:
    """Values of one row."""
    return prod(shape[1:])
