"""What a format is made of, and what a module of a format must do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tfmodel.wire.tensors import Array
from tfmodel_runtime.engine.signature import Signature

Row = Mapping[str, Array]
"""What a client sends for one row: an array by alias, whose first dimension, where it is free, is 1."""


class FormatError(Exception):
    """A format cannot be made of the model. `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: formats by their names in export.formats, made of one signature of the SavedModel in a folder."""

    saved_model: Path
    signature: str
    formats: tuple[str, ...]
    keras_file: Path | None = None
    """The file that the SavedModel was made from, if it was."""
    quantization: str = "None"
    representative_data: Path | None = None
    """File or folder with the rows that Int8 learns by; those of the smoke request if there is none."""
    feature_names: tuple[str, ...] = ()
    """Names of the columns that make up an unnamed row."""
    smoke_request: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """The model as the modules of formats see it."""

    saved_model: Path
    signature: Signature
    samples: Sequence[Row]
    """Rows that the SavedModel answers."""
    representative: Sequence[Row] = ()
    """Rows as clients send them, for Int8."""
    quantization: str = "None"
    keras_file: Path | None = None


class Format(Protocol):
    """A module of a format."""

    def write(self, model: Model, folder: Path) -> Path:
        """Writes the format's files into `folder`; the file that a reader opens, the first of several.

        Raises:
            FormatError: it cannot be made of the model.
        """
        ...

    def answers(self, model: Model, file: Path) -> list[dict[str, Array]]:
        """What the written file answers, by alias, to each of `model.samples`: by the format's own interpreter.

        Raises:
            FormatError: it cannot be run.
        """
        ...
