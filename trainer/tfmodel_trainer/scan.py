"""What operations a SavedModel holds, read from its file before TensorFlow loads it: a model is a program.

Operations that run code of the training's process, or touch files other than the model's own, have no place in a model that serves:
they are refused unless `validation.allowedOperations` names them. Operations that TensorFlow does not know cannot be loaded at all.
The lists follow tensorflow/core/ops of the pinned release; SECURITY.md of TensorFlow names the danger.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from tfmodel.api.reasons import FailureReason
from tfmodel.wire import messages
from tfmodel_runtime.engine.graph import operations
from tfmodel_trainer.errors import ExportError

CODE_OPERATIONS = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc", "EagerPyFuncStateless", "MlirPassthroughOp"})
FILE_OPERATIONS = frozenset(
    {
        "ReadFile", "WriteFile", "MatchingFiles", "WholeFileReader", "WholeFileReaderV2", "TextLineReader", "TextLineReaderV2",
        "FixedLengthRecordReader", "FixedLengthRecordReaderV2", "TFRecordReader", "TFRecordReaderV2", "LMDBReader",
        "TextLineDataset", "FixedLengthRecordDataset", "FixedLengthRecordDatasetV2", "TFRecordDataset", "TFRecordDatasetV2",
        "MatchingFilesDataset", "CSVDataset", "CSVDatasetV2", "LMDBDataset", "SqlDataset", "CacheDataset", "CacheDatasetV2",
        "LoadDataset", "SaveDataset", "SaveDatasetV2", "SnapshotDataset", "SnapshotDatasetV2", "DistributedSave",
        "CreateSummaryFileWriter", "CreateSummaryDbWriter", "WriteSummary", "WriteRawProtoSummary", "WriteScalarSummary",
        "WriteHistogramSummary", "WriteImageSummary", "WriteAudioSummary", "WriteGraphSummary", "ImportEvent",
        "DebugIdentity", "DebugIdentityV2", "DebugIdentityV3", "DebugNanCount", "DebugNumericSummary", "PrintV2",
    }
)  # fmt: skip
"""PrintV2 is among them since its output may be a file."""
_MOST_LISTED = 8


@dataclass(frozen=True, slots=True)
class Operations:
    """The kinds of operations in a SavedModel that need a decision, in alphabetical order."""

    code: tuple[str, ...]
    files: tuple[str, ...]
    unknown: tuple[str, ...]


def read(saved_model: Path) -> frozenset[str]:
    """The kinds of all operations, those in functions included.

    Raises:
        ExportError: the file is no SavedModel.
    """
    try:
        found = messages.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    except DecodeError as error:
        hint = "export the model again; the file was cut, or is of another format"
        raise ExportError(FailureReason.BAD_SAVED_MODEL, f"saved_model.pb cannot be read: {error}", hint) from error
    return frozenset(op for graph in found.meta_graphs for op in operations(graph.graph_def))


def sorted_out(found: Iterable[str], known: Collection[str]) -> Operations:
    """The operations that need a decision, of those that were found; `known` is what TensorFlow has."""
    every = sorted(set(found))
    return Operations(
        code=tuple(op for op in every if op in CODE_OPERATIONS),
        files=tuple(op for op in every if op in FILE_OPERATIONS),
        unknown=tuple(op for op in every if op not in known),
    )


def refuse(found: Operations, allowed: Collection[str]) -> None:
    """Raises if the model may not be loaded.

    Raises:
        ExportError: it runs code, touches files, or holds what TensorFlow does not know.
    """
    if found.unknown:
        raise ExportError(
            FailureReason.UNKNOWN_OPERATION,
            f"the model has operations that TensorFlow does not know: {_listed(found.unknown)}",
            "export it without custom operations; none are built into the runtime",
        )
    _refuse_some("run Python code of the training", found.code, allowed)
    _refuse_some("touch files", found.files, allowed)


def _refuse_some(what: str, found: Collection[str], allowed: Collection[str]) -> None:
    refused = [op for op in found if op not in allowed]
    if refused:
        raise ExportError(
            FailureReason.UNSAFE_OPERATION,
            f"the model has operations that {what}: {_listed(refused)}",
            "export it without them, or name them in validation.allowedOperations if you trust the model",
        )


def _listed(found: Collection[str]) -> str:
    names = sorted(found)
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more
