"""Keras and HDF5: the file that the SavedModel was made from, as itself or as the other one of both. Nothing else knows the layers."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfmodel.wire.tensors import Array
from tfmodel_trainer.formats.model import FormatError, Model

_HDF5_ENDINGS = (".h5", ".hdf5")


@dataclass(frozen=True, slots=True)
class KerasFile:
    """A format of Keras': its name in export.formats, and the file it is written to."""

    format: str
    name: str

    def write(self, model: Model, folder: Path) -> Path:
        """The file; a copy if the training left that very format.

        Raises:
            FormatError: the SavedModel was made from no file of Keras'.
        """
        source = model.keras_file
        if source is None:
            raise FormatError(
                "the model came as a SavedModel, and a SavedModel does not tell its layers",
                f"leave a .keras or .h5 file instead, of which the SavedModel is made; or leave {self.format} out",
            )
        target = folder / self.name
        if (source.suffix in _HDF5_ENDINGS) == (target.suffix in _HDF5_ENDINGS):
            shutil.copyfile(source, target)
        else:
            _save(_load(source), target)
        return target

    def answers(self, model: Model, file: Path) -> list[dict[str, Array]]:
        """Of the loaded file."""
        loaded = _load(file)
        return [_by_alias(model, loaded(_inputs(loaded, dict(row)), training=False)) for row in model.samples]


KERAS = KerasFile("Keras", "model.keras")
HDF5 = KerasFile("HDF5", "model.h5")


def _load(file: Path) -> Any:
    import keras  # noqa: PLC0415 - seconds that only an export needs

    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError, AttributeError, NotImplementedError) as error:
        raise FormatError(f"{file.name} cannot be loaded: {error}", "see that the file is whole") from error


def _save(model: Any, target: Path) -> None:
    try:
        model.save(target)
    except (ValueError, TypeError, OSError, NotImplementedError) as error:
        hint = "some models fit into one of Keras' formats only: leave the other one out of export.formats"
        raise FormatError(f"Keras cannot save it: {error}", hint) from error


def _inputs(loaded: Any, row: dict[str, Array]) -> Any:
    """The row as the model takes it: by name where it has names, else its only input."""
    if len(row) == 1:
        return next(iter(row.values()))
    names = [tensor.name for tensor in loaded.inputs]
    return [row[name] for name in names] if set(names) == set(row) else row


def _by_alias(model: Model, outputs: Any) -> dict[str, Array]:
    """The outputs, which the SavedModel calls as the model does, or output_0 and so on in their order."""
    if isinstance(outputs, dict):
        return {name: np.asarray(value) for name, value in outputs.items()}
    listed = outputs if isinstance(outputs, list | tuple) else [outputs]
    return dict(zip(model.signature.outputs, (np.asarray(value) for value in listed), strict=True))
