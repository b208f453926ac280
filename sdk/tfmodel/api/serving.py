"""`spec.validation`, `spec.storage` and `spec.serving`: what may serve, where versions live, how they are served."""

import re
from typing import Annotated, Literal

from pydantic import Field

from tfmodel.api.kubernetes import Placement, ResourceRequirements
from tfmodel.api.quantities import parse_quantity
from tfmodel.api.runtime_options import Batching, Drain, Handler, Limits, Reload, Warmup
from tfmodel.api.schema import (
    DEFAULTED,
    ApiValue,
    Comparison,
    Name,
    OpenObject,
    Port,
    Rule,
    Size,
    StringMap,
    Version,
    exactly_one,
    once,
)
from tfmodel.api.security import Auth, Tls

LABEL_PATTERN = "^[a-zA-Z0-9_]{1,63}$"


class Validation(ApiValue):
    """What a version must pass before it may serve. A change counts from the next run on."""

    signature: Annotated[str, Field(min_length=1, max_length=128)] = "serving_default"
    """Signature that the SavedModel must have."""
    thresholds: (
        Annotated[
            dict[Annotated[str, Field(min_length=1, max_length=63)], Comparison],
            Field(max_length=32),
        ]
        | None
    ) = None
    """Comparisons against the metrics that the training reported in $TFMODEL_METRICS_FILE, such as accuracy: ">=0.9". A
    metric that was not reported does not pass."""
    smoke_request: OpenObject | None = None
    """Body of a REST predict request that the model must answer, such as instances: [[1.0, 2.0]]."""
    allow_breaking_signature: bool = False
    """true lets a version pass whose signatures would break clients of the version that serves."""
    allowed_operations: (
        Annotated[
            list[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_>.]*$", max_length=128)]],
            Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "set"}),
            once(),
        ]
        | None
    ) = None
    """Operations that run Python code or touch files (PyFunc, ReadFile, ...), and that the model may have all the same."""


class VolumeClaim(ApiValue):
    """A PersistentVolumeClaim that the operator makes."""

    size: Size = "1Gi"
    """Size of the volume. It can be enlarged where the storage class allows it, never made smaller."""
    storage_class_name: Annotated[str, Field(max_length=253)] | None = None
    """Storage class. Default: the cluster's."""
    access_modes: (
        Annotated[
            list[Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]],
            Field(min_length=1, max_length=4, json_schema_extra={"x-kubernetes-list-type": "set"}),
            once(),
        ]
        | None
    ) = None
    """Access modes. Default: ReadWriteOnce, with which all pods of the model run on one node."""

    rules = (
        Rule(
            cel="!has(self.size) || quantity(self.size).isGreaterThan(quantity('0'))",
            message="size must be above 0: give a size such as 1Gi",
            check=lambda claim: parse_quantity(claim.size) > 0,
            field_path=".size",
        ),
        Rule(
            cel="quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
            message="size cannot be made smaller: keep it, or enlarge it",
            check=None,
            field_path=".size",
        ),
        Rule(
            cel="(has(self.storageClassName) ? self.storageClassName : '')"
            " == (has(oldSelf.storageClassName) ? oldSelf.storageClassName : '')",
            message="storageClassName cannot be changed: make a new TFModel, or use existingClaim",
            check=None,
        ),
        Rule(
            cel="has(self.accessModes) == has(oldSelf.accessModes)"
            " && (!has(self.accessModes) || self.accessModes == oldSelf.accessModes)",
            message="accessModes cannot be changed: make a new TFModel, or use existingClaim",
            check=None,
        ),
    )


class Storage(ApiValue):
    """Where the versions of the model live, as <model>/<version>/ on a volume."""

    persistent_volume_claim: VolumeClaim | None = None
    """A PersistentVolumeClaim that the operator makes, named <model>-store. The default, with 1Gi."""
    existing_claim: Name | None = None
    """A PersistentVolumeClaim that exists already, which may hold the versions of several models."""
    keep_versions: Annotated[int, Field(ge=1, le=1000)] = 5
    """How many versions are kept when a new one is published. A version that is pinned, listed in versionPolicy, or the
    newest is always kept."""
    on_delete: Literal["Retain", "Delete"] = "Retain"
    """What becomes of the operator-made PersistentVolumeClaim when the TFModel is deleted. An existing claim is never
    deleted."""

    rules = (
        Rule(
            cel="!(has(self.persistentVolumeClaim) && has(self.existingClaim))",
            message="persistentVolumeClaim and existingClaim exclude each other: keep one of them",
            check=lambda storage: storage.persistent_volume_claim is None or storage.existing_claim is None,
        ),
        Rule(
            cel="!(has(self.existingClaim) && self.onDelete == 'Delete')",
            message="onDelete: Delete needs persistentVolumeClaim: an existingClaim is never deleted, use Retain",
            check=lambda storage: storage.existing_claim is None or storage.on_delete != "Delete",
        ),
    )


class Latest(ApiValue):
    """The newest versions."""

    count: Annotated[int, Field(ge=1, le=100)] = 1
    """How many."""


class Everything(ApiValue):
    """Every version in the store."""


class Specific(ApiValue):
    """Named versions."""

    versions: Annotated[
        list[Version],
        Field(min_length=1, max_length=100, json_schema_extra={"x-kubernetes-list-type": "set"}),
        once(),
    ]
    """The versions."""


class VersionPolicy(ApiValue):
    """Which versions are loaded, in TensorFlow Serving's sense."""

    latest: Latest | None = None
    """The newest versions. The default, with a count of 1."""
    all: Everything | None = None
    """Every version in the store."""
    specific: Specific | None = None
    """Only the versions that are listed."""

    rules = (exactly_one("latest", "all", "specific", fix="a model follows one policy"),)


class ServiceSpec(ApiValue):
    """The Service in front of the runtime pods, named like the TFModel."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """Kind of Service."""
    annotations: StringMap | None = None
    """Annotations of the Service, such as those that a cloud's load balancer reads."""
    rest_port: Port = 8501
    """Port of the Service for REST."""
    grpc_port: Port = 8500
    """Port of the Service for gRPC."""

    rules = (
        Rule(
            cel="!has(self.restPort) || !has(self.grpcPort) || self.restPort != self.grpcPort",
            message="restPort and grpcPort must differ: give each its own port",
            check=lambda service: service.rest_port != service.grpc_port,
        ),
    )


class Serving(Placement):
    """How the model is served."""

    replicas: Annotated[int, Field(ge=0, le=1000)] = 1
    """How many runtime pods. 0 serves nothing and keeps the versions."""
    processes: Annotated[int, Field(ge=1, le=16)] = 1
    """How many processes serve in each pod, on the same ports. Above 1 for small models in a pod with several cores. Each has the
    model in memory once more and shares the rest, so that resources need room for it; limits hold for each process."""
    version_policy: VersionPolicy | None = None
    """Which versions are loaded. Default: the newest."""
    pinned_version: Version | None = None
    """Serve just this version, whatever versionPolicy says: a rollback. Remove it to follow versionPolicy again."""
    version_labels: Annotated[dict[str, Version], Field(min_length=1, max_length=32)] | None = None
    """Names for versions, such as stable: 1, under which clients reach them (/labels/stable). A version with a label is
    loaded whatever versionPolicy says, and kept. A label moves once its new version is available."""
    handler: Handler | None = None
    """Code of yours between the request and the model, and between the model and the answer, for requests to `POST /`."""
    batching: Batching | None = None
    """Run requests that wait together. Default: each on its own."""
    optimize: Literal["None", "Graph", "XLA", "TensorRT"] = "Graph"
    """How far a version is optimised once it answers: Graph makes its variables constants, XLA compiles it as well. What is made is
    used only if its answers are equal and it is faster; None runs versions as they were saved. TensorRT is refused."""
    warmup: Warmup | None = None
    """What runs before a version is available."""
    reload: Reload | None = None
    """How new versions are found and loaded."""
    drain: Drain | None = None
    """How a pod ends without losing a request."""
    resources: ResourceRequirements | None = None
    """What a runtime container asks for and may use at the most."""
    service: Annotated[ServiceSpec, Field(default_factory=ServiceSpec, json_schema_extra=DEFAULTED)]
    """The Service in front of the pods."""
    tls: Tls | None = None
    """TLS on both ports. Default: none."""
    auth: Auth | None = None
    """Who may ask. Default: whoever reaches the pods."""
    limits: Limits | None = None
    """What requests may take."""

    rules = (
        Rule(
            cel="!(has(self.pinnedVersion) && has(self.versionLabels))",
            message="pinnedVersion and versionLabels exclude each other: pinnedVersion serves just one version",
            check=lambda serving: serving.pinned_version is None or serving.version_labels is None,
        ),
        Rule(
            cel=f"!has(self.versionLabels) || self.versionLabels.all(label, label.matches('{LABEL_PATTERN}'))",
            message="versionLabels: a label is made of letters, digits and _, 63 at the most",
            check=lambda serving: all(re.match(LABEL_PATTERN, label) for label in serving.version_labels or ()),
            field_path=".versionLabels",
        ),
        Rule(
            cel="!has(self.optimize) || self.optimize != 'TensorRT'",
            message="optimize: TensorFlow has had no TensorRT since 2.18, on any node: use Graph, or XLA",
            check=lambda serving: serving.optimize != "TensorRT",
            field_path=".optimize",
        ),
    )
