"""The values that flow through a reconcile: what was seen, what should be done.

    observe -> Observation ─┐
    the TFModel ────────────┼─► plan() -> Plan ─► apply
    now, Release ───────────┘

All are immutable. Kubernetes objects stay the JSON that the API server sent (`Manifest`): server-side apply must send
only the fields that are ours, and what is read is read by path.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from tfmodel.api.status import TFModelStatus
from tfmodel.progress import Progress

Manifest = Mapping[str, Any]

FIELD_MANAGER = "tfmodel-operator"
MANAGED_BY = "tfmodel-operator"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_MODEL = "tfmodel.dev/model"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_RUN = "tfmodel.dev/run"


@dataclass(frozen=True, slots=True)
class Key:
    """Namespace and name of a TFModel: what the work queue holds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """One object of the API: `api_version` as in its manifest ("batch/v1")."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str | None = None
    """If set, only the object with this uid is meant (a precondition of a delete)."""


@dataclass(frozen=True, slots=True)
class Release:
    """This release of the operator, and the images it brings."""

    version: str
    runtime_image: str
    trainer_image: str
    tfjs_image: str
    """The trainer with the converter to TensorFlow.js."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """A version as a runtime pod tells of it: state is TensorFlow Serving's (START, LOADING, AVAILABLE, ...)."""

    version: int
    state: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one TFModel's children at one moment. Every kind is there, if empty."""

    jobs: tuple[Manifest, ...] = ()
    """Jobs that the TFModel owns."""
    pods: tuple[Manifest, ...] = ()
    """Pods of these Jobs and of the Deployment."""
    deployment: Manifest | None = None
    service: Manifest | None = None
    volume_claim: Manifest | None = None
    """The operator-made PersistentVolumeClaim."""
    served: Mapping[str, tuple[ServedVersion, ...]] = field(default_factory=dict)
    """Name of a runtime pod to what it answered when asked for its versions; a pod that did not answer is absent."""
    progress: Mapping[str, Progress] = field(default_factory=dict)
    """Name of a pod that trains to what it told of its progress; a pod that did not answer is absent."""
    warnings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """uid of a Job, ReplicaSet or pod to the messages of its newest Warning events, newest first, each "reason: message"; asked
    for only where `unexplained` named the object."""
    errors: tuple["ApplyError", ...] = ()
    """What the API server refused when the last plan was applied."""


@dataclass(frozen=True, slots=True)
class ApplyError:
    """The API server refused an object of the plan."""

    target: ObjectKey
    status: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Apply:
    """One server-side apply, forced. `manager` owns the fields that are sent."""

    manifest: Manifest
    manager: str = FIELD_MANAGER


@dataclass(frozen=True, slots=True)
class Event:
    """An event on the TFModel, posted once the status that it tells of is stored."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What should be done, in this order: apply, delete, status, events."""

    apply: tuple[Apply, ...]
    delete: tuple[ObjectKey, ...]
    status: TFModelStatus
    events: tuple[Event, ...] = ()
    requeue_after: timedelta | None = None
    """Look again after this time though nothing was seen to change, as while a runtime loads a version."""
    ask_after: timedelta | None = None
    """Ask the runtime pods again after about this time, though nothing is awaited; later where there are many TFModels."""
