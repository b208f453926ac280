"""`tfmodel predict`: asks a SavedModel in a folder, by the engine that serves it, and prints what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfmodel.wire.dtypes import DataType, name, numpy_dtype
from tfmodel_cli.errors import CommandError
from tfmodel_cli.model_inputs import Array
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.errors import LoadError, RuntimeFault


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked: the model in a folder, its graph by tags, the signature."""

    folder: Path
    tags: tuple[str, ...]
    signature: str


def predict(target: Target, given: Mapping[str, Any]) -> dict[str, Array]:
    """The outputs for the given inputs, by name.

    Raises:
        CommandError: the model cannot be loaded, lacks the signature, or does not take the inputs.
    """
    try:
        model = SavedModel.load(target.folder, tags=target.tags)
    except LoadError as error:
        raise CommandError(error.message, "name the folder of a version, and its tags with --tag_set") from error
    try:
        signature = model.signatures.get(target.signature)
        if signature is None:
            names = ", ".join(sorted(model.signatures)) or "none"
            raise CommandError(
                f"there is no signature {target.signature}; there is {names}", "name one: --signature_def"
            )
        return dict(model.run(signature, _feeds(given, signature)))
    except RuntimeFault as fault:
        raise CommandError(str(fault)) from fault
    finally:
        model.close()


def told(outputs: Mapping[str, Array]) -> str:
    """The outputs for people, in the form of saved_model_cli."""
    return "\n".join(f"Result for output key {key}:\n{value}" for key, value in outputs.items())


def save(outputs: Mapping[str, Array], folder: Path, *, overwrite: bool) -> list[Path]:
    """Writes each output to a .npy file.

    Raises:
        CommandError: a file is there already and must not be overwritten, or cannot be written.
    """
    files = {folder / f"{key}.npy": value for key, value in outputs.items()}
    there = [str(file) for file in files if file.exists()]
    if there and not overwrite:
        raise CommandError(f"{', '.join(there)}: there already", "give --overwrite")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, value in files.items():
            plain = value.astype("S") if value.dtype.kind == "O" else value
            np.save(file, plain, allow_pickle=False)
    except OSError as error:
        raise CommandError(f"--outdir {folder}: {error}") from error
    return list(files)


def _feeds(given: Mapping[str, Any], signature: Signature) -> dict[str, Array]:
    unknown = sorted(given.keys() - signature.inputs.keys())
    missing = sorted(signature.inputs.keys() - given.keys() - signature.defaults.keys())
    if unknown or missing:
        raise CommandError(
            f"the signature takes the inputs {', '.join(signature.inputs)}; "
            + "; ".join(
                text
                for text, names in (
                    (f"{', '.join(missing)} is missing", missing),
                    (f"{', '.join(unknown)} is none", unknown),
                )
                if names
            )
        )
    return {alias: _array(given[alias], spec) for alias, spec in signature.inputs.items() if alias in given}


def _array(value: Any, spec: TensorSpec) -> Array:
    try:
        array = _texts(value) if spec.data_type is DataType.STRING else np.asarray(value, numpy_dtype(spec.data_type))
    except (ValueError, TypeError, OverflowError) as error:
        raise CommandError(f"input {spec.alias}: expected {_wanted(spec)}, got {str(value)[:80]}: {error}") from error
    if not _fits(array, spec):
        raise CommandError(f"input {spec.alias}: expected {_wanted(spec)}, got the shape {list(array.shape)}")
    return array


def _texts(value: Any) -> Array:
    array = np.asarray(value, object)
    flat = [one.encode() if isinstance(one, str) else one for one in array.reshape(-1)]
    if not all(isinstance(one, bytes) for one in flat):
        raise TypeError("not all of it is text")
    made = np.empty(len(flat), object)
    made[:] = flat
    return made.reshape(array.shape)


def _fits(array: Array, spec: TensorSpec) -> bool:
    if spec.shape is None:
        return True
    return array.ndim == len(spec.shape) and all(
        wanted in (-1, size) for size, wanted in zip(array.shape, spec.shape, strict=True)
    )


def _wanted(spec: TensorSpec) -> str:
    shape = "any" if spec.shape is None else [("?" if size < 0 else size) for size in spec.shape]
    return f"{name(spec.data_type)} of shape {shape}".replace("'", "")
