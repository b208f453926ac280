"""How far a training is: the file that a training script writes, that status and metrics are made from.

Whoever trains without the helpers of `tfmodel.train` writes the same JSON to $TFMODEL_PROGRESS_FILE (replaced at once, by a
rename), and one line for each epoch to `history.jsonl` in $TFMODEL_LOG_DIR. Both are the user's words: read with bounds, and what
cannot be read tells nothing.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError
from pydantic.alias_generators import to_camel

HISTORY_FILE = "history.jsonl"
MOST_BYTES = 64 * 1024
MOST_HISTORY_BYTES = 4 * 1024 * 1024
_MOST_METRICS = 64

Count = Annotated[int, Field(ge=0, le=2**53)]
MetricName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z_][\w .:/-]*$")]
Metrics = Annotated[dict[MetricName, FiniteFloat], Field(max_length=_MOST_METRICS)]


class _Read(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, frozen=True, extra="ignore"
    )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self | None:
        """What the text tells; None if it is not what it should be."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None

    def to_json(self) -> str:
        """The value as compact JSON on one line."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


class Progress(_Read):
    """How far a training is now."""

    epoch: Count | None = None
    """Epochs that ended."""
    epochs: Count | None = None
    """Epochs that are wanted."""
    step: Count | None = None
    """Training steps that ended, over all epochs."""
    progress_percentage: Annotated[int, Field(ge=0, le=100)] | None = None
    """Whole percent of the work that is done."""
    estimated_remaining_seconds: Count | None = None
    """Seconds until the training will have ended, at the pace so far."""
    metrics: Metrics = {}
    """Loss and metrics, as they are now, by name."""


class Epoch(_Read):
    """One line of the history: an epoch that ended."""

    epoch: Count
    """Its number, from 1."""
    step: Count | None = None
    """Training steps that had ended by then."""
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Seconds that it took."""
    metrics: Metrics = {}
    """Loss and metrics at its end, by name."""


def read_history(lines: Iterable[str]) -> list[Epoch]:
    """The epochs that lines tell of, in rising order; of an epoch that was trained again the last line counts."""
    found = (Epoch.from_json(line) for line in lines)
    by_number = {one.epoch: one for one in found if one is not None}
    return [by_number[number] for number in sorted(by_number)]


def read_bounded(file: Path, most: int) -> bytes | None:
    """The file's content; None if there is none, or more than `most` bytes."""
    try:
        with file.open("rb") as opened:
            found = opened.read(most + 1)
    except OSError:
        return None
    return found if len(found) <= most else None
