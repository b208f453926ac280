"""A frozen graph or a checkpoint of TensorFlow 1 as a SavedModel: neither carries a signature, so its tensors are named by the spec.

The operations are looked at before TensorFlow imports the graph, as an import may already compute a part of it.
"""

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from tfmodel.api.reasons import FailureReason
from tfmodel.wire import messages
from tfmodel_runtime.engine import op_registry
from tfmodel_runtime.engine.graph import operations
from tfmodel_trainer import scan
from tfmodel_trainer.errors import ExportError

_SERVE = "serve"
_MOST_LISTED = 8
_DEEPEST = 4


def files_in(folder: Path, ending: str) -> list[Path]:
    """Files of that ending a few levels down, the folder itself being one perhaps, but for a SavedModel's own."""
    if folder.is_file():
        return [folder] if folder.name.endswith(ending) else []
    found = (path for depth in range(_DEEPEST) for path in folder.glob("*/" * depth + f"*{ending}"))
    return sorted(path for path in found if path.is_file() and path.name != "saved_model.pb")


def from_frozen(
    exported: Path, workspace: Path, names: tuple[Mapping[str, str], Mapping[str, str]], **how: Any
) -> Path:
    """The folder of a SavedModel with what a frozen graph holds. `names` are tensors by names of inputs and of outputs.

    Raises:
        ExportError: there is no graph, or several; it cannot be imported; it lacks a tensor.
    """
    file = _only(files_in(exported, ".pb"), exported, "a frozen graph (.pb)")
    _check_operations(_parsed(type(messages.MetaGraphDef().graph_def), file), how["allowed"])
    import tensorflow as tf  # noqa: PLC0415 - seconds that only a conversion needs

    v1 = tf.compat.v1
    with v1.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        try:
            tf.import_graph_def(v1.GraphDef.FromString(file.read_bytes()), name="")
        except (ValueError, tf.errors.OpError) as error:
            raise _not_converted(file, error) from error
        return _saved(session, graph, workspace, names, how["signature"])


def from_checkpoint(
    exported: Path, workspace: Path, names: tuple[Mapping[str, str], Mapping[str, str]], **how: Any
) -> Path:
    """The folder of a SavedModel with a checkpoint's graph (its .meta file) and variables. `names` as for a frozen graph.

    Raises:
        ExportError: there is no checkpoint, or several; it cannot be restored; its graph lacks a tensor.
    """
    meta = _latest(files_in(exported, ".meta"), exported)
    _check_operations(_parsed(messages.MetaGraphDef, meta).graph_def, how["allowed"])
    import tensorflow as tf  # noqa: PLC0415 - as above

    v1 = tf.compat.v1
    with v1.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        try:
            saver = v1.train.import_meta_graph(str(meta), clear_devices=True)
            if saver is not None:
                saver.restore(session, str(meta.with_suffix("")))
        except (ValueError, KeyError, OSError, tf.errors.OpError) as error:
            raise _not_converted(meta, error) from error
        return _saved(session, graph, workspace, names, how["signature"], saver=saver)


def _saved(
    session: Any,
    graph: Any,
    workspace: Path,
    names: tuple[Mapping[str, str], Mapping[str, str]],
    signature: str,
    saver: Any = None,
) -> Path:
    import tensorflow as tf  # noqa: PLC0415 - as above

    v1 = tf.compat.v1
    inputs, outputs = (
        {alias: v1.saved_model.build_tensor_info(_tensor(graph, field, name)) for alias, name in wanted.items()}
        for field, wanted in zip(("inputs", "outputs"), names, strict=True)
    )
    method = v1.saved_model.signature_constants.PREDICT_METHOD_NAME
    definition = v1.saved_model.build_signature_def(inputs, outputs, method)
    tables = graph.get_collection(v1.GraphKeys.TABLE_INITIALIZERS)
    target = workspace / "converted"
    builder = v1.saved_model.builder.SavedModelBuilder(str(target))
    builder.add_meta_graph_and_variables(
        session,
        [_SERVE],
        signature_def_map={signature: definition},
        main_op=tf.group(*tables, name="tfmodel_initialize_tables") if tables else None,
        saver=saver,
    )
    builder.save()
    return target


def _tensor(graph: Any, field: str, name: str) -> Any:
    operation, _, index = name.partition(":")
    found = {one.name: one for one in graph.get_operations()}
    if operation in found and int(index or 0) < len(found[operation].outputs):
        return found[operation].outputs[int(index or 0)]
    if operation in found:
        told = f"{operation!r} has {len(found[operation].outputs)} outputs"
    else:
        told = f"like it: {_listed(_near(operation, found, field))}"
    raise ExportError(
        FailureReason.TENSOR_NOT_FOUND,
        f"source.{field} names the tensor {name!r}, which the graph has not; {told}",
        f"correct source.{field}; a tensor is called <operation>:<number of its output>",
    )


def _near(name: str, found: Mapping[str, Any], field: str) -> list[str]:
    """Names that are like it, and those that most likely are meant: placeholders, or what nothing else uses."""
    if field == "inputs":
        likely = [one.name for one in found.values() if one.type.startswith("Placeholder")]
    else:
        likely = [
            one.name
            for one in found.values()
            if one.outputs and not any(output.consumers() for output in one.outputs) and one.type != "Const"
        ]
    near = difflib.get_close_matches(name, list(found), n=3, cutoff=0.7)
    return [f"{one}:0" for one in dict.fromkeys((*near, *likely))]


def _listed(names: Collection[str]) -> str:
    return ", ".join(list(names)[:_MOST_LISTED]) or "nothing"


def _parsed(kind: Any, file: Path) -> Any:
    try:
        return kind.FromString(file.read_bytes())
    except DecodeError as error:
        raise _not_converted(file, error) from error


def _check_operations(graph_def: Any, allowed: Collection[str]) -> None:
    scan.refuse(scan.sorted_out(operations(graph_def), op_registry.known()), allowed)


def _only(found: list[Path], exported: Path, what: str) -> Path:
    if len(found) == 1:
        return found[0]
    if found:
        names = _listed([path.name for path in found])
        raise ExportError(FailureReason.AMBIGUOUS_EXPORT, f"there are several: {names}", "name one file in source.uri")
    there = _listed(sorted(path.name for path in exported.iterdir())) if exported.is_dir() else exported.name
    hint = "correct source.uri or source.format"
    raise ExportError(FailureReason.SOURCE_NOT_FOUND, f"there is no {what}, but {there}".replace("no a ", "no "), hint)


def _latest(found: list[Path], exported: Path) -> Path:
    """The one that the file `checkpoint` beside them names as the newest; else the only one."""
    for meta in found:
        state = meta.parent / "checkpoint"
        first = state.read_text(errors="replace").splitlines()[:1] if state.is_file() else []
        if any(Path(line.split('"')[1]).name == meta.stem for line in first if line.count('"') == 2):
            return meta
    return _only(found, exported, "a checkpoint (.meta, .index, .data)")


def _not_converted(file: Path, error: Exception) -> ExportError:
    hint = "see that the file is whole, and that source.format says what it is"
    text = " ".join(str(error).split())[:400]
    return ExportError(FailureReason.CONVERSION_FAILED, f"{file.name}: {text}", hint)
