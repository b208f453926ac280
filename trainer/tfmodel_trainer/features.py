"""Names for the features of a signature that takes one unnamed row of numbers: the order then stands in the model, not in each client.

The placeholder that was fed becomes one with a default: the named inputs, put together in the order of the training. The signature takes
the named inputs; `<signature>_by_position` feeds the placeholder itself, as before. Nothing else of the graph is touched, so that both
compute the same.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from tfmodel.api.reasons import FailureReason
from tfmodel.wire import messages
from tfmodel_runtime.engine.signature import BY_POSITION, Signature, fed_by_position, signatures_of
from tfmodel_trainer import tags
from tfmodel_trainer.errors import ExportError

_FILE = "saved_model.pb"
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
    node_name = spec.tensor_name.partition(":")[0]
    rows, dtype = (spec.shape or (-1,))[0], int(spec.data_type)
    fed = [f"{node_name}/{name}" for name in names]
    node = next((one for one in graph.graph_def.node if one.name == node_name), None)
    if node is not None and node.op == "Placeholder":
        for name in fed:
            _placeholder(graph, name, dtype, rows)
        _put_together(graph, node, fed, dtype)
    elif node is None or f"{node_name}/row" not in node.input:  # else another signature takes the same tensor
        raise ExportError(
            FailureReason.FEATURE_NAMES_MISMATCH,
            f"the input {spec.alias} of signature {signature.name!r} is no placeholder, and cannot be named",
            _HINT,
        )
    definition = graph.signature_def[signature.name]
    graph.signature_def[signature.name + BY_POSITION].CopyFrom(definition)
    definition.inputs.clear()
    for name, tensor in zip(names, fed, strict=True):
        info = definition.inputs[name]
        info.name, info.dtype = f"{tensor}:0", dtype
        info.tensor_shape.dim.add(size=rows)


def _placeholder(graph: Any, name: str, dtype: int, rows: int) -> None:
    node = graph.graph_def.node.add(name=name, op="Placeholder")
    node.attr["dtype"].type = dtype
    node.attr["shape"].shape.dim.add(size=rows)


def _put_together(graph: Any, node: Any, fed: Sequence[str], dtype: int) -> None:
    """Makes the placeholder one with a default: the columns that are fed, side by side."""
    pack = graph.graph_def.node.add(name=f"{node.name}/row", op="Pack", input=fed)
    pack.attr["N"].i = len(fed)
    pack.attr["T"].type = dtype
    pack.attr["axis"].i = 1
    node.op = "PlaceholderWithDefault"
    node.input.append(pack.name)


def _rename_function(graph: Any, signature: str) -> None:
    """In Python, `tf.saved_model.load` finds signatures among the objects: what is found there takes the row still, and says so."""
    objects = graph.object_graph_def.nodes
    for node in objects:
        if node.WhichOneof("kind") != "user_object" or node.user_object.identifier != "signature_map":
            continue
        for child in node.children:
            if child.local_name == signature:
                child.local_name = signature + BY_POSITION
