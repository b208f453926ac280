"""The contract with a training container, and between the operator and the export step: names and paths, each once.

Any image works that writes a model to $TFMODEL_EXPORT_DIR; nothing of this project has to be imported there. The export
step is ours: it is asked by one environment variable (`ExportRequest` as JSON) and answers in its termination message
(`ExportReport` as JSON, of which Kubernetes keeps 4096 bytes).
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from tfmodel.progress import Progress

WORKSPACE_DIR = "/tfmodel"
STORE_DIR = "/store"
SOURCE_DIR = "/source"
FETCHED_DIR = f"{WORKSPACE_DIR}/source"
CA_FILE = "/etc/tfmodel/ca/ca.crt"
SCRIPT_DIR = "/etc/tfmodel/script"
PARAMS_FILE = "/etc/tfmodel/params.json"
EXPORT_DIR = f"{WORKSPACE_DIR}/export"
METRICS_FILE = f"{WORKSPACE_DIR}/metrics.json"
PROGRESS_FILE = f"{WORKSPACE_DIR}/progress.json"
RUN_DIR = f"{WORKSPACE_DIR}/run"
"""What outlives a run's pods. Logs and checkpoints are folders in it, since a mount point cannot be removed, as Keras'
BackupAndRestore does with its folder once a training has ended."""
LOG_DIR = f"{RUN_DIR}/logs"
CHECKPOINT_DIR = f"{RUN_DIR}/checkpoints"

EXPORT_DIR_ENV = "TFMODEL_EXPORT_DIR"
METRICS_FILE_ENV = "TFMODEL_METRICS_FILE"
PROGRESS_FILE_ENV = "TFMODEL_PROGRESS_FILE"
LOG_DIR_ENV = "TFMODEL_LOG_DIR"
CHECKPOINT_DIR_ENV = "TFMODEL_CHECKPOINT_DIR"
PARAMS_FILE_ENV = "TFMODEL_PARAMS_FILE"
EXPORT_REQUEST_ENV = "TFMODEL_EXPORT_REQUEST"
FETCH_REQUEST_ENV = "TFMODEL_FETCH_REQUEST"

WORKER_INDEX_ENV = "JOB_COMPLETION_INDEX"
"""Which worker of several a pod is; 0, the chief, exports."""

PROGRESS_PORT = 8503

RETRIABLE_FAILURE = 1
PERMANENT_FAILURE = 42
TERMINATION_MESSAGE_BYTES = 4096

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _upper_snake(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", _WORD_START.sub("_", name)).upper()


def param_env_name(name: str) -> str:
    """Environment variable of a parameter: learningRate is TFMODEL_PARAM_LEARNING_RATE."""
    return f"TFMODEL_PARAM_{_upper_snake(name)}"


def input_env_name(name: str) -> str:
    """Environment variable that holds the path of an input: train is TFMODEL_INPUT_TRAIN."""
    return f"TFMODEL_INPUT_{_upper_snake(name)}"


def training_environment(
    *,
    params: Mapping[str, str],
    inputs: Mapping[str, str],
    workspace: str = WORKSPACE_DIR,
    params_file: str = PARAMS_FILE,
) -> dict[str, str]:
    """What a training container finds in its environment. `inputs` maps names to paths."""
    return {
        EXPORT_DIR_ENV: f"{workspace}/export",
        METRICS_FILE_ENV: f"{workspace}/metrics.json",
        PROGRESS_FILE_ENV: f"{workspace}/progress.json",
        LOG_DIR_ENV: f"{workspace}/run/logs",
        CHECKPOINT_DIR_ENV: f"{workspace}/run/checkpoints",
        PARAMS_FILE_ENV: params_file,
        **{param_env_name(name): value for name, value in params.items()},
        **{input_env_name(name): path for name, path in inputs.items()},
    }


class _Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, frozen=True)

    def to_json(self) -> str:
        """The message as compact JSON."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


class ExportRequest(_Message):
    """What the export step is asked to do."""

    model: str
    """Name of the TFModel; versions go to <store>/<model>/<version>."""
    run_id: str
    """Name of the run."""
    run_key: str
    """Name of the run and a digest of its recipe: a version that this owner published for it is published no second time."""
    owner: str
    """uid of the TFModel."""
    export_dir: str
    """Folder, or file, that the model is in."""
    metrics_file: str
    """JSON object of name to number that the training wrote, if it did."""
    log_dir: str = ""
    """Folder with the history that the training wrote, if it did."""
    progress_file: str = ""
    """File with the progress that the training told last, if it did."""
    store: str
    """Folder that holds <model>/."""
    keep_versions: int = 5
    """How many versions are kept."""
    protected_versions: tuple[int, ...] = ()
    """Versions that are never pruned."""
    signature: str = "serving_default"
    """Signature that the model must have."""
    thresholds: dict[str, str] = {}
    """Comparisons against the metrics, such as accuracy: ">=0.9"."""
    allowed_operations: tuple[str, ...] = ()
    """Operations that the model may have although they run code or touch files."""
    smoke_request: dict[str, Any] | None = None
    """Body of a REST predict request that the model must answer."""
    serving_version: int | None = None
    """Version whose clients must be able to go on; none if they may break, or nothing serves yet."""
    params: dict[str, str] = {}
    """Hyperparameters of the run, for the record."""
    source_format: str = "Auto"
    """What the model is, if it was not trained here."""
    tags: tuple[str, ...] = ()
    """Tags of the graph to serve; those of the only one, or serve, if none are named."""
    inputs: dict[str, str] = {}
    """Tensors by the names of inputs, for what carries no signature."""
    outputs: dict[str, str] = {}
    """Tensors by the names of outputs, for what carries no signature."""
    formats: tuple[str, ...] = ()
    """Formats to write beside the SavedModel."""
    quantization: str = "None"
    """How the numbers of a TFLite file are made smaller."""
    representative_data: str = ""
    """File, or folder of files, with the rows by which Int8 learns; those of the smoke request if empty."""
    feature_names: tuple[str, ...] = ()
    """Names for the features of a signature that takes one unnamed row."""
    export_digest: str | None = None
    """Digest of the spec.export that formats and names come from; for the record."""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The request that `text` holds.

        Raises:
            pydantic.ValidationError: it is not a request.
        """
        return cls.model_validate_json(text)


class FetchRequest(_Message):
    """What the fetch step is asked to bring. Credentials are no part of it: they are in the environment, from a Secret."""

    uri: str
    """Where it is."""
    target: str
    """Folder that it is put into."""
    sha256: str = ""
    """Digest of the one file or archive; not checked if empty."""
    ca_file: str = ""
    """Certificates to trust beside the usual ones, if any."""
    max_bytes: int = 8 << 30
    """Most bytes that are fetched, and most that an archive may become."""
    max_files: int = 10_000
    """Most files."""
    max_ratio: int = 200
    """How many times its size an archive may become."""
    max_seconds: float = 3600.0
    """Most time that it may take."""
    stall_seconds: float = 60.0
    """Most time without a byte."""
    attempts: int = 5
    """How often a file is asked for before the step fails."""
    first_wait_seconds: float = 1.0
    """Wait before the second attempt; it doubles from there."""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The request that `text` holds.

        Raises:
            pydantic.ValidationError: it is not a request.
        """
        return cls.model_validate_json(text)


class Failure(_Message):
    """Why a step failed."""

    reason: str
    """One of `tfmodel.api.reasons.FailureReason`."""
    message: str
    """What happened."""
    hint: str = ""
    """What to do."""
    retriable: bool = False
    """Whether another attempt without a change may succeed."""


class ExportedFormat(_Message):
    """A format that was written beside the SavedModel."""

    format: str
    """One of export.formats."""
    file: str
    """Path inside the version's folder."""
    size_bytes: int
    """Bytes of its files."""
    max_difference: str
    """Largest difference between its answers and the SavedModel's, as text."""


class ExportReport(_Message):
    """What the export step did: `version` and what belongs to it, or `failure`."""

    version: int | None = None
    """The published version."""
    digest: str | None = None
    """sha256 over the version's files."""
    tensorflow_version: str | None = None
    """TensorFlow that wrote the model."""
    signatures: tuple[str, ...] = ()
    """Names of the signatures."""
    metrics: dict[str, str] = {}
    """What the training reported, as text."""
    progress: Progress | None = None
    """How far the training was when it ended, without its metrics."""
    warnings: tuple[str, ...] = ()
    """What is wrong with the model, if not wrong enough to refuse it."""
    exports: tuple[ExportedFormat, ...] = ()
    """Formats beside the SavedModel."""
    export_digest: str | None = None
    """Digest of the spec.export that the version was made by."""
    stored_versions: tuple[int, ...] = ()
    """All versions that the store holds now."""
    failure: Failure | None = None
    """Why nothing was published."""

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """The report that `text` holds; None if it holds none, as when a log stands in its place."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None

    def to_termination_message(self) -> str:
        """The report in at most 4096 bytes of JSON: what is longest is cut first, the version is always told."""
        for report in (
            self,
            self._shorter(text=512),
            self._shorter(text=128, entries=8),
            self._shorter(text=64, entries=0),
        ):
            message = report.to_json()
            if len(message.encode()) <= TERMINATION_MESSAGE_BYTES:
                return message
        return (
            self._shorter(text=16, entries=0)
            .model_copy(update={"stored_versions": self.stored_versions[-64:]})
            .to_json()
        )

    def _shorter(self, *, text: Annotated[int, Field(ge=1)], entries: int = 32) -> Self:
        failure = self.failure and self.failure.model_copy(
            update={"message": self.failure.message[:text], "hint": self.failure.hint[:text]}
        )
        metrics = {name[:64]: value[:32] for name, value in list(self.metrics.items())[:entries]}
        signatures = tuple(name[:64] for name in self.signatures[:entries])
        warnings = tuple(one[:text] for one in self.warnings[: min(entries, 4)])
        cut = {"failure": failure, "metrics": metrics, "signatures": signatures, "warnings": warnings}
        return self.model_copy(update=cut)
