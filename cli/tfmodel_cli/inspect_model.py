"""`tfmodel inspect`: what a SavedModel can be asked, and an example of it. Reads the file alone; nothing is loaded or run."""

import json
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType, name
from tfmodel_cli.errors import CommandError
from tfmodel_runtime.engine.signature import Signature, TensorSpec, fed_by_position, has_named_features, signatures_of

_EXAMPLES: dict[DataType, Any] = {DataType.STRING: "text", DataType.BOOL: True}
_INTEGERS = "int"


def inspect_model(folder: Path) -> str:
    """What is to be told of the SavedModel in a folder.

    Raises:
        CommandError: there is none.
    """
    file = folder / "saved_model.pb"
    if not file.is_file():
        raise CommandError(f"there is no saved_model.pb in {folder}", "name the folder of a version")
    try:
        saved = messages.SavedModel.FromString(file.read_bytes())
    except DecodeError as error:
        raise CommandError(f"{file} is no SavedModel: {error}") from error
    return "\n".join(line for graph in saved.meta_graphs for line in _graph(graph))


def _graph(graph: Any) -> list[str]:
    info = graph.meta_info_def
    lines = [f"tags: {', '.join(info.tags)}    TensorFlow {info.tensorflow_version}"]
    signatures = signatures_of(graph)
    for signature in signatures.values():
        lines += ["", f"signature {signature.name}", "  inputs"]
        lines += [_line(spec) for spec in signature.inputs.values()]
        lines += ["  outputs", *(_line(spec) for spec in signature.outputs.values())]
        lines.append(f"  example  {json.dumps(example(signature))}")
        alias = fed_by_position(signature)
        if alias is not None and not has_named_features(signature.name, signatures):
            lines.append(f"  warning  the features in {alias} are told apart by their order alone")
    return lines


def _line(spec: TensorSpec) -> str:
    shape = "unknown" if spec.shape is None else [("?" if size < 0 else size) for size in spec.shape]
    return f"    {spec.alias:<24} {name(spec.data_type):<8} {shape}".replace("'", "")


def example(signature: Signature) -> dict[str, Any]:
    """A REST request that fits the signature."""
    row = {alias: _value(spec, (spec.shape or (1,))[1:]) for alias, spec in signature.inputs.items()}
    only = next(iter(row.values())) if len(row) == 1 else row
    named = {} if signature.name == "serving_default" else {"signature_name": signature.name}
    return {**named, "instances": [only]}


def _value(spec: TensorSpec, shape: tuple[int, ...]) -> Any:
    if shape:
        return [_value(spec, shape[1:])] * max(1, shape[0])
    number = 0 if _INTEGERS in name(spec.data_type) else 0.0
    return _EXAMPLES.get(spec.data_type, number)
