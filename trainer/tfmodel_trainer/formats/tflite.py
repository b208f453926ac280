"""TFLite, by TensorFlow's converter, checked by LiteRT's interpreter. Only operations that TFLite itself has are used."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfmodel.wire.tensors import Array
from tfmodel_trainer.formats.model import FormatError, Model

_FILE = "model.tflite"
_HINT = "leave TFLite out of export.formats, or use operations that TFLite has"


def write(model: Model, folder: Path) -> Path:
    """The file, with one signature, called as in the SavedModel."""
    import tensorflow as tf  # noqa: PLC0415 - seconds that only an export needs

    try:
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(model.saved_model), signature_keys=[model.signature.name], tags={"serve"}
        )
        _quantize(converter, model)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # that the interpreter inside the converter itself is to be replaced
            content = converter.convert()
    except Exception as error:
        raise FormatError(f"the TFLite converter cannot convert it: {_cause(error)}", _HINT) from error
    file = folder / _FILE
    file.write_bytes(content)
    return file


def _quantize(converter: Any, model: Model) -> None:
    import tensorflow as tf  # noqa: PLC0415 - as above

    if model.quantization == "None":
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if model.quantization == "Float16":
        converter.target_spec.supported_types = [tf.float16]
    if model.quantization == "Int8":
        converter.representative_dataset = lambda: _rows(model)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]


def _rows(model: Model) -> Iterator[tuple[str, dict[str, Array]]]:
    for row in model.representative:
        yield model.signature.name, dict(row)


def _cause(error: Exception) -> str:
    """The operations that TFLite lacks, if that is what the text is about; else its beginning."""
    text = str(error)
    lacking = re.findall(r"^\s*tf\.(\w+)\(", text, re.MULTILINE)
    if lacking:
        return f"TFLite has no {', '.join(sorted(set(lacking)))}"
    return " ".join(text.split())[:300] or type(error).__name__


def answers(model: Model, file: Path) -> list[dict[str, Array]]:
    """Of LiteRT's interpreter."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - only an export needs it

    try:
        runner = Interpreter(model_path=str(file)).get_signature_runner(model.signature.name)
        return [{alias: value.copy() for alias, value in runner(**row).items()} for row in model.samples]
    except (ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())[:300]
        raise FormatError(f"LiteRT does not run it: {text}", _HINT) from error
