"""What lies in the export or source folder as the SavedModel that will serve, by what the request says of its format."""

from dataclasses import replace
from pathlib import Path

from tfmodel.api.reasons import FailureReason
from tfmodel.contract import ExportRequest
from tfmodel_trainer import convert, graphs, tags
from tfmodel_trainer.convert import Converted
from tfmodel_trainer.errors import ExportError


def saved_model(request: ExportRequest, exported: Path, workspace: Path) -> Converted:
    """The SavedModel, its graph tagged as the runtime asks for; what is made is made in `workspace`.

    Raises:
        ExportError: there is no model, there are several, or it cannot be converted.
    """
    if request.inputs:
        return Converted(_from_graph(request, exported, workspace))
    try:
        found = convert.saved_model(exported, workspace, request.source_format)
    except ExportError as error:
        if error.failure.reason == FailureReason.NOTHING_EXPORTED and _holds_a_graph(exported):
            hint = "set source.inputs and source.outputs: a frozen graph or a checkpoint does not say which tensors it is asked by"
            raise ExportError(FailureReason.NOTHING_EXPORTED, error.failure.message, hint) from error
        raise
    return replace(found, folder=tags.served(found.folder, workspace, request.tags))


def _holds_a_graph(exported: Path) -> bool:
    return bool(graphs.files_in(exported, ".pb") or graphs.files_in(exported, ".meta"))


def _from_graph(request: ExportRequest, exported: Path, workspace: Path) -> Path:
    is_checkpoint = request.source_format == "Checkpoint" or (
        request.source_format == "Auto" and bool(graphs.files_in(exported, ".meta"))
    )
    make = graphs.from_checkpoint if is_checkpoint else graphs.from_frozen
    names = (request.inputs, request.outputs)
    return make(exported, workspace, names, signature=request.signature, allowed=request.allowed_operations)
