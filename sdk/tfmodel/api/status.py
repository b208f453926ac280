"""`status` of a TFModel: what was seen. Only the operator writes it."""

from typing import Annotated, Literal

from pydantic import Field

from tfmodel.api.schema import ATOMIC, ApiValue, map_list

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Condition(ApiValue):
    """One aspect of the state, after Kubernetes' metav1.Condition."""

    type: Annotated[str, Field(max_length=316)]
    """Accepted, Trained, ModelValid, Available, Ready; and, only while they hold, Reconciling, Stalled, Degraded."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(max_length=1024)]
    """Why, as one word of a closed list (docs/reference/reasons.md)."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """Why, for people, and what to do."""
    last_transition_time: Timestamp
    """When status last changed."""
    observed_generation: int | None = None
    """Generation of the spec that this was said of."""


class LastFailure(ApiValue):
    """The cause of a failure, kept after the pod is gone."""

    reason: str
    """Cause, as one word of a closed list (docs/reference/reasons.md)."""
    message: str = ""
    """What happened."""
    hint: str = ""
    """What to do."""
    exit_code: int | None = None
    """Exit code of the container."""
    signal: int | None = None
    """Signal that ended the container."""
    pod: str | None = None
    """Name of the pod."""
    container: str | None = None
    """Name of the container."""
    node: str | None = None
    """Node that the pod ran on."""
    time: Timestamp | None = None
    """When it happened."""
    retriable: bool = False
    """Whether another attempt without a change may succeed."""
    log_tail: Annotated[list[str], Field(max_length=20, json_schema_extra=ATOMIC)] | None = None
    """Last lines of the container's log, at most 20, what looks like a secret masked."""


class TrainingStatus(ApiValue):
    """The run that spec.training or spec.source asks for."""

    run_id: str
    """Name of the run."""
    run_key: str
    """Name of the run and a digest of what it was made from; the run's Job is named <model>-<runKey>."""
    state: Literal["Pending", "Running", "Suspended", "Succeeded", "Failed"]
    """Where the run stands. Succeeded and Failed are final: the run is never started again."""
    attempts: int = 0
    """Pods that were started for the run."""
    started_at: Timestamp | None = None
    """When the Job started."""
    finished_at: Timestamp | None = None
    """When the Job ended."""
    progress_percentage: int | None = None
    """How much of the training is done, in percent; 100 once the run has succeeded."""
    epoch: int | None = None
    """Epochs that ended."""
    epochs: int | None = None
    """Epochs that are wanted."""
    step: int | None = None
    """Training steps that ended."""
    estimated_remaining_seconds: int | None = None
    """Seconds that the training still takes, at the pace so far."""
    progress_time: Timestamp | None = None
    """When the training was asked for its progress, at most every 10 s."""
    metrics: dict[str, str] | None = None
    """What the training reported, as text: while it trains loss and metrics as they are now, then its last word."""
    scheduled_at: Timestamp | None = None
    """The time of training.schedule that started the run."""
    next_scheduled_at: Timestamp | None = None
    """When training.schedule starts the next run."""
    version: int | None = None
    """Version that the run became."""
    last_failure: LastFailure | None = None
    """Why the last failed attempt failed."""


class ExportedFormat(ApiValue):
    """A format of export.formats that a version has."""

    format: str
    """The format, as export.formats names it."""
    file: str
    """Path of the file, or of the first of several, inside the version's folder."""
    size_bytes: int
    """Bytes of its files."""
    max_difference: str
    """Largest difference between its answers and the SavedModel's on sample rows, as a decimal number."""


class VersionStatus(ApiValue):
    """A version in the store."""

    version: int
    """Number of the version."""
    state: Literal["Published", "Loading", "Available", "Failed", "Retired"]
    """Published: in the store, not asked for. Loading: asked for, not yet in every ready pod. Available: in every ready pod.
    Failed: the runtime could not load it. Retired: no longer in the store."""
    run_id: str | None = None
    """Run that made it."""
    run_key: str | None = None
    """Name of the run that made it, and a digest of what it was made from."""
    digest: str | None = None
    """sha256 over the files of the version."""
    tensorflow_version: str | None = None
    """TensorFlow that wrote it."""
    signatures: Annotated[list[str], Field(json_schema_extra=ATOMIC)] | None = None
    """Names of its signatures."""
    metrics: dict[str, str] | None = None
    """What the training reported, as text."""
    warnings: Annotated[list[str], Field(json_schema_extra=ATOMIC)] | None = None
    """What is wrong with it, if not wrong enough to refuse it."""
    exports: Annotated[list[ExportedFormat], Field(json_schema_extra=map_list("format"))] | None = None
    """Formats that it has beside the SavedModel."""
    export_digest: str | None = None
    """Digest of the spec.export that it was made by."""
    last_failure: LastFailure | None = None
    """Why the runtime could not load it."""


class Endpoint(ApiValue):
    """An address that answers."""

    protocol: Literal["REST", "GRPC", "Metrics"]
    """What is spoken there."""
    url: str
    """Address inside the cluster."""
    example: str | None = None
    """A command that works from inside the cluster."""


class TFModelStatus(ApiValue):
    """What the operator saw."""

    observed_generation: int | None = None
    """Generation of the spec that this status is about."""
    phase: str | None = None
    """The state in one word, for people: Pending, Training, Exporting, Deploying, Ready, Degraded, Failed, Paused, Suspended,
    Stopped."""
    conditions: Annotated[list[Condition], Field(json_schema_extra=map_list("type"))] | None = None
    """Aspects of the state, each with reason and message."""
    replicas: int | None = None
    """Runtime pods that exist."""
    ready_replicas: int | None = None
    """Runtime pods that answer."""
    replicas_summary: str | None = None
    """Ready of wanted runtime pods, for people."""
    selector: str | None = None
    """Label selector of the runtime pods, for the scale subresource."""
    active_version: int | None = None
    """Highest version that every ready runtime pod answers with."""
    target_version: int | None = None
    """Version that will serve when all is done."""
    endpoints: Annotated[list[Endpoint], Field(json_schema_extra=map_list("protocol"))] | None = None
    """Where the model answers."""
    training: TrainingStatus | None = None
    """The run that the spec asks for."""
    versions: Annotated[list[VersionStatus], Field(json_schema_extra=map_list("version"))] | None = None
    """The versions in the store, newest first, and what became of them."""
    operator_version: str | None = None
    """Release of the operator that wrote this status."""
