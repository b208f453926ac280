"""Names for the features of a signature that takes one unnamed row of numbers: the order then stands in the model, not in each client.

The operations between the row and the outputs are there a second time, on a row that is put together from named inputs in the order of
the training; variables, constants and functions are shared. The signature takes the named inputs, and `<signature>_by_position` is what it
was. A default for the placeholder of the row would be shorter, but TensorFlow's optimizer asks for the default even where the row is fed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from tfmodel.api.reasons import FailureReason
from tfmodel.wire import messages
from tfmodel_runtime.engine.signature import BY_POSITION, Signature, fed_by_position, signatures_of
from tfmodel_trainer import copying, tags
from tfmodel_trainer.errors import ExportError

_FILE = "saved_model.pb"
_BY_NAME = "_by_name"
_ROW = "by_name/row"
_HINT = "give export.featureNames a name for each number of the row, or leave it out"


def named(saved_model: Path, signature: str, names: Sequence[str], workspace: Path) -> Path:
    """The folder itself without names, else one in `workspace` in which all signatures like this one take named inputs.

    Raises:
        ExportError: the signature does not take one row of as many numbers.
    """
    if not names:
        return saved_model
    try:
        found = messages.SavedModel.FromString((saved_model / _FILE).read_bytes())
    except (DecodeError, FileNotFoundError):
        return saved_model  # told by the checks that follow
    graph = next((one for one in found.meta_graphs if list(one.meta_info_def.tags) == [tags.SERVE]), None)
    if graph is None or signature not in graph.signature_def:
        return saved_model  # as above
    all_signatures = signatures_of(graph)
    _check(all_signatures[signature], names)
    for name, one in all_signatures.items():
        if _width(one) == len(names):
            _name_inputs(graph, one, names)
            _rename_function(graph, name)
    return tags.with_graph(saved_model, found.SerializeToString(), workspace / "named")


def _width(signature: Signature) -> int | None:
    alias = fed_by_position(signature)
    shape = signature.inputs[alias].shape if alias else None
    return shape[1] if shape else None


def _check(signature: Signature, names: Sequence[str]) -> None:
    width = _width(signature)
    if width == len(names):
        return
    takes = f"a row of {width} numbers" if width else f"inputs {', '.join(signature.inputs) or 'none'}, no unnamed row"
    raise ExportError(
        FailureReason.FEATURE_NAMES_MISMATCH,
        f"export.featureNames has {len(names)} names, and signature {signature.name!r} takes {takes}",
        _HINT,
    )


def _name_inputs(graph: Any, signature: Signature, names: Sequence[str]) -> None:
    spec = next(iter(signature.inputs.values()))
    rows, dtype = (spec.shape or (-1,))[0], int(spec.data_type)
    within = f"{signature.name}{_BY_NAME}"
    row = _row(graph.graph_def, within, names, rows, dtype)
    definition = graph.signature_def[signature.name]
    graph.signature_def[signature.name + BY_POSITION].CopyFrom(definition)
    copies = copying.copied(
        graph.graph_def, {spec.tensor_name: row}, [info.name for info in definition.outputs.values()], within
    )
    for info in definition.outputs.values():
        info.name = copies.get(info.name, info.name)
    definition.inputs.clear()
    for name in names:
        info = definition.inputs[name]
        info.name, info.dtype = f"{within}/{name}:0", dtype
        info.tensor_shape.dim.add(size=rows)


def _row(graph_def: Any, within: str, names: Sequence[str], rows: int, dtype: int) -> str:
    """Adds an input for each name, and the row of them; the row's tensor."""
    for name in names:
        node = graph_def.node.add(name=f"{within}/{name}", op="Placeholder")
        node.attr["dtype"].type = dtype
        node.attr["shape"].shape.dim.add(size=rows)
    pack = graph_def.node.add(name=f"{within}/{_ROW}", op="Pack", input=[f"{within}/{name}" for name in names])
    pack.attr["N"].i = len(names)
    pack.attr["T"].type = dtype
    pack.attr["axis"].i = 1
    return f"{pack.name}:0"


def _rename_function(graph: Any, signature: str) -> None:
    """In Python, `tf.saved_model.load` finds signatures among the objects: what is found there takes the row still, and says so."""
    objects = graph.object_graph_def.nodes
    for node in objects:
        if node.WhichOneof("kind") != "user_object" or node.user_object.identifier != "signature_map":
            continue
        for child in node.children:
            if child.local_name == signature:
                child.local_name = signature + BY_POSITION
