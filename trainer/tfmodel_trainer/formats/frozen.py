"""FrozenGraph: a GraphDef whose variables are constants, for sessions. Its inputs and outputs are called like the signature's."""

from pathlib import Path
from typing import Any

from tfmodel.wire.tensors import Array
from tfmodel_trainer.formats.model import FormatError, Model

_FILE = "frozen_graph.pb"


def write(model: Model, folder: Path) -> Path:
    """The file, with tensors <alias>:0 for each input and output."""
    file = folder / _FILE
    file.write_bytes(frozen_graph(model).SerializeToString())
    return file


def frozen_graph(model: Model) -> Any:
    """The GraphDef of the signature alone, its functions written out.

    Raises:
        FormatError: it holds what cannot be a constant.
    """
    import tensorflow as tf  # noqa: PLC0415 - seconds that only an export needs

    v1, signature = tf.compat.v1, model.signature
    try:
        constant, inputs, outputs = _constant(model)
        with v1.Graph().as_default() as graph:
            fed = {
                tensor: v1.placeholder(tf.as_dtype(int(spec.data_type)), _shape(spec.shape), name=alias)
                for tensor, (alias, spec) in zip(inputs, signature.inputs.items(), strict=True)
            }
            found = tf.import_graph_def(constant, fed, outputs, name="model")
            for alias, output in zip(signature.outputs, found, strict=True):
                tf.identity(output, name=alias)
            return graph.as_graph_def()
    except (ValueError, KeyError, tf.errors.OpError) as error:
        raise FormatError(f"the graph cannot be frozen: {_short(error)}", _HINT) from error


def _constant(model: Model) -> tuple[Any, list[str], list[str]]:
    """A GraphDef without variables, and the names of the tensors of its inputs and outputs, in the signature's order."""
    import tensorflow as tf  # noqa: PLC0415 - as above
    from tensorflow.python.framework.convert_to_constants import (  # noqa: PLC0415 - TensorFlow's own way of freezing
        convert_variables_to_constants_v2,
    )

    loaded = tf.saved_model.load(str(model.saved_model), tags=["serve"])
    call = loaded.signatures[model.signature.name]
    specs = [
        tf.TensorSpec(_shape(spec.shape), tf.as_dtype(int(spec.data_type)), name=f"input_{index}")
        for index, spec in enumerate(model.signature.inputs.values())
    ]

    def flat(*tensors: Any) -> list[Any]:
        outputs = call(**dict(zip(model.signature.inputs, tensors, strict=True)))
        return [outputs[alias] for alias in model.signature.outputs]

    frozen = convert_variables_to_constants_v2(tf.function(flat, input_signature=specs).get_concrete_function())
    names = [[tensor.name for tensor in part] for part in (frozen.inputs, frozen.outputs)]
    return frozen.graph.as_graph_def(), names[0], names[1]


_HINT = "leave the format out, or export a signature without tables and other resources"


def _shape(shape: tuple[int, ...] | None) -> list[int | None] | None:
    return None if shape is None else [None if size < 0 else size for size in shape]


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def answers(model: Model, file: Path) -> list[dict[str, Array]]:
    """Of a session on the graph."""
    import tensorflow as tf  # noqa: PLC0415 - as above

    v1 = tf.compat.v1
    graph_def = v1.GraphDef.FromString(file.read_bytes())
    fetched = {alias: f"{alias}:0" for alias in model.signature.outputs}
    with v1.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        tf.import_graph_def(graph_def, name="")
        try:
            return [
                session.run(fetched, {f"{alias}:0": value for alias, value in row.items()}) for row in model.samples
            ]
        except tf.errors.OpError as error:
            raise FormatError(f"the frozen graph does not answer: {_short(error)}", _HINT) from error
