"""ONNX, by tf2onnx, checked by ONNX Runtime. Inputs and outputs are called like the signature's."""

from pathlib import Path

from tfmodel.wire.tensors import Array
from tfmodel_trainer.formats import frozen
from tfmodel_trainer.formats.model import FormatError, Model

_FILE = "model.onnx"
_OPSET = 18
_HINT = "leave ONNX out of export.formats, or use operations that ONNX has"


def write(model: Model, folder: Path) -> Path:
    """The file, at opset 18."""
    import tf2onnx.convert  # noqa: PLC0415 - imports TensorFlow

    graph = frozen.frozen_graph(model)
    inputs, outputs = ([f"{alias}:0" for alias in part] for part in (model.signature.inputs, model.signature.outputs))
    names = {name: name.removesuffix(":0") for name in (*inputs, *outputs)}
    file = folder / _FILE
    try:
        tf2onnx.convert.from_graph_def(
            graph,
            input_names=inputs,
            output_names=outputs,
            opset=_OPSET,
            tensors_to_rename=names,
            output_path=str(file),
        )
    except Exception as error:
        raise FormatError(f"tf2onnx cannot convert it: {_short(error)}", _HINT) from error
    return file


def answers(model: Model, file: Path) -> list[dict[str, Array]]:
    """Of ONNX Runtime on the CPU."""
    import onnxruntime  # noqa: PLC0415 - only an export needs it

    try:
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        names = list(model.signature.outputs)
        return [dict(zip(names, session.run(names, dict(row)), strict=True)) for row in model.samples]
    except Exception as error:
        raise FormatError(f"ONNX Runtime does not run it: {_short(error)}", _HINT) from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
