"""TFJS, by the converter of TensorFlow.js, checked by TensorFlow.js itself: its CPU backend in V8, not in a browser."""

from pathlib import Path

from tfmodel.wire.tensors import Array
from tfmodel_trainer.formats.model import FormatError, Model
from tfmodel_trainer.tfjs import conversion, engine

_HINT = "leave TFJS out of export.formats, or use operations that TensorFlow.js has"
_ABSENT = "run the export step from the image tfmodel-tfjs; without a cluster, run hack/setup/tfjs.sh in a checkout"


def write(model: Model, folder: Path) -> Path:
    """model.json, and beside it the weights."""
    try:
        conversion.convert(model.saved_model, model.signature.name, folder)
    except ModuleNotFoundError as error:
        raise FormatError(f"the converter to TensorFlow.js is not here: {error}", _ABSENT) from error
    except Exception as error:
        raise FormatError(f"TensorFlow.js' converter cannot convert it: {_cause(error)}", _HINT) from error
    return folder / conversion.MODEL_FILE


def answers(model: Model, file: Path) -> list[dict[str, Array]]:
    """Of TensorFlow.js. An input that the signature does not use was frozen away."""
    try:
        loaded = engine.Model(file.parent)
        return [
            loaded.predict({alias: value for alias, value in row.items() if alias in loaded.inputs})
            for row in model.samples
        ]
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise FormatError(f"TensorFlow.js is not here: {error}", _ABSENT) from error
    except engine.TFJSError as error:
        raise FormatError(f"TensorFlow.js does not run it: {error}", _HINT) from error


def _cause(error: BaseException) -> str:
    """What stopped the converter: where it cannot freeze a graph, it tries TensorFlow 1's way too, and raises that one's failure."""
    if "is not in graph" in str(error) and error.__context__ is not None:
        return f"its graph cannot be frozen: {_cause(error.__context__)}"
    return " ".join(str(error).split())[:300] or type(error).__name__
