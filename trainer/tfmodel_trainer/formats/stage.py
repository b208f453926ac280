"""Writes the formats that are asked for, and holds each against the SavedModel: loaded by the engine that serves.

All in a child process: a converter that crashes must not take the report with it, and its memory goes when it is done.
"""

import importlib
import logging
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import numpy as np

from tfmodel.api.reasons import FailureReason
from tfmodel.store.layout import EXPORTS
from tfmodel.store.manifest import Exported
from tfmodel.wire.tensors import Array
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.errors import RuntimeFault
from tfmodel_trainer.errors import ExportError
from tfmodel_trainer.formats import rows
from tfmodel_trainer.formats.model import Format, FormatError, Model, Wanted

LIMIT_SECONDS = 1800.0
TOLERANCE = 1e-3
"""Largest difference of a format that is not quantized, for outputs up to 1; for larger ones, of the largest."""
_WHERE = {
    "TFLite": "tflite",
    "TFJS": "tfjs",
    "ONNX": "onnx_file",
    "Keras": "keras_files:KERAS",
    "HDF5": "keras_files:HDF5",
    "FrozenGraph": "frozen",
}
_log = logging.getLogger(__name__)


def write(wanted: Wanted, folder: Path, *, limit_seconds: float = LIMIT_SECONDS) -> tuple[Exported, ...]:
    """Writes each format into `folder`; the records of them, in the order in which they were asked for.

    Raises:
        ExportError: one cannot be made of the model, or does not answer like it.
    """
    if not wanted.formats:
        return ()
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_write_all, args=(wanted, folder, theirs))
    child.start()
    theirs.close()
    made: list[Exported] = []
    try:
        while len(made) < len(wanted.formats):
            told = _next(ours, wanted.formats[len(made)], limit_seconds)
            if isinstance(told, FormatError):
                raise _failed(wanted.formats[len(made)], told)
            _log.info("wrote %s: %d bytes, largest difference %.3g", told.file, told.size_bytes, told.max_difference)
            made.append(told)
    finally:
        child.kill()
        child.join()
    return tuple(made)


def _next(ours: Connection, name: str, limit_seconds: float) -> Exported | FormatError:
    try:
        if ours.poll(limit_seconds):
            return cast("Exported | FormatError", ours.recv())
    except EOFError:
        hint = "give the export step more memory (training.resources), or leave the format out"
        return FormatError("the converter ended its process", hint)
    return FormatError(f"it was not done within {limit_seconds:g} s", f"leave {name} out of export.formats")


def _failed(name: str, error: FormatError) -> ExportError:
    return ExportError(FailureReason.EXPORT_FORMAT_FAILED, f"export.formats {name}: {error.message}", error.hint)


def _write_all(wanted: Wanted, folder: Path, answer: Connection) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        for made in write_here(wanted, folder):
            answer.send(made)
    except FormatError as error:
        answer.send(error)


def write_here(wanted: Wanted, folder: Path) -> Iterator[Exported]:
    """As `write`, in this process and one format after the other.

    Raises:
        FormatError: the next one cannot be made of the model, or does not answer like it.
    """
    try:
        served = SavedModel.load(wanted.saved_model)
        model = _model(wanted, served)
        expected = [served.run(model.signature, row) for row in model.samples]
    except RuntimeFault as fault:
        hint = "give rows that the model answers in validation.smokeRequest"
        raise FormatError(f"the SavedModel does not answer the sample rows: {fault}", hint) from fault
    for name in wanted.formats:
        yield _write_one(name, model, expected, folder)


def _model(wanted: Wanted, served: SavedModel) -> Model:
    signature = served.signatures[wanted.signature]
    asked = rows.of_request(wanted.smoke_request, signature, wanted.feature_names)
    model = Model(
        saved_model=wanted.saved_model,
        signature=signature,
        samples=asked[: rows.MOST_SAMPLES] or rows.generated(signature),
        quantization=wanted.quantization,
        keras_file=wanted.keras_file,
    )
    if wanted.quantization != "Int8":
        return model
    given = wanted.representative_data
    found = rows.of_files(given, signature, wanted.feature_names) if given else asked
    if not found:
        hint = (
            "name one of training.inputs in export.tflite.representativeInput, or give rows in validation.smokeRequest"
        )
        raise FormatError("there is no row for Int8 to learn by", hint)
    return replace(model, representative=found, samples=found[: rows.MOST_SAMPLES])


def _write_one(name: str, model: Model, expected: Sequence[Mapping[str, Array]], folder: Path) -> Exported:
    kind = _format(name)
    target = folder / "tfjs" if name == "TFJS" else folder
    target.mkdir(exist_ok=True)
    before = set(target.rglob("*"))
    file = kind.write(model, target)
    written = [path for path in target.rglob("*") if path not in before and path.is_file()]
    found = difference(expected, kind.answers(model, file))
    is_quantized = name == "TFLite" and model.quantization != "None"
    if not is_quantized and not found <= TOLERANCE * max(1.0, _largest(expected)):
        raise FormatError(
            f"its answers differ from the SavedModel's by up to {found:.3g}",
            f"leave {name} out of export.formats; the converter does not do this model justice",
        )
    return Exported(
        format=name,
        file=f"{EXPORTS}/{file.relative_to(folder)}",
        size_bytes=sum(path.stat().st_size for path in written),
        max_difference=found,
        quantization=model.quantization if name == "TFLite" else "None",
    )


def _format(name: str) -> Format:
    if name not in _WHERE:
        raise FormatError("the export step does not make it", f"leave {name} out of export.formats")
    module, _, attribute = _WHERE[name].partition(":")
    found = importlib.import_module(f"tfmodel_trainer.formats.{module}")
    return cast("Format", getattr(found, attribute) if attribute else found)


def difference(expected: Sequence[Mapping[str, Array]], found: Sequence[Mapping[str, Array]]) -> float:
    """Largest absolute difference of numbers, over all outputs of all rows; 1 for a text that differs.

    Raises:
        FormatError: an output is missing, or has another shape.
    """
    return max(
        (
            _of_output(alias, value, answer.get(alias))
            for wanted, answer in zip(expected, found, strict=True)
            for alias, value in wanted.items()
        ),
        default=0.0,
    )


def _of_output(alias: str, expected: Array, found: Array | None) -> float:
    if found is None or np.shape(found) != expected.shape:
        told = "is missing" if found is None else f"has shape {list(np.shape(found))}, expected {list(expected.shape)}"
        raise FormatError(f"its output {alias} {told}", "leave the format out of export.formats")
    if expected.size == 0:
        return 0.0
    if expected.dtype.kind in "OSU":
        return float(np.any(np.asarray(found, object) != np.asarray(expected, object)))
    one, two = np.asarray(expected, np.float64), np.asarray(found, np.float64)
    apart = np.where((one == two) | (np.isnan(one) & np.isnan(two)), 0.0, np.abs(one - two))
    return float(np.nan_to_num(apart, nan=np.inf).max())


def _largest(expected: Sequence[Mapping[str, Array]]) -> float:
    numbers = [value for one in expected for value in one.values() if value.dtype.kind in "fiub" and value.size]
    finite = [
        float(np.abs(np.nan_to_num(np.asarray(value, np.float64), posinf=0, neginf=0)).max()) for value in numbers
    ]
    return max(finite, default=1.0)
