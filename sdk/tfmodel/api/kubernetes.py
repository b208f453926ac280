"""The pieces of Kubernetes' own API that a TFModel passes on to its pods, with the fields that are passed on."""

from typing import Annotated, Literal

from pydantic import Field

from tfmodel.api.schema import ATOMIC, ApiValue, Key, Name, OpenObject, ResourceQuantity, exactly_one


class KeySelector(ApiValue):
    """A key of a ConfigMap or Secret of the TFModel's namespace."""

    name: Name
    """Name of the object."""
    key: Key
    """Key in the object's data."""
    optional: bool | None = None
    """Whether the object or key may be absent."""


class FieldSelector(ApiValue):
    """A field of the pod."""

    field_path: Annotated[str, Field(min_length=1, max_length=253)]
    """Path of the field, such as metadata.name."""


class EnvVarSource(ApiValue):
    """Where the value of an environment variable comes from."""

    secret_key_ref: KeySelector | None = None
    """A key of a Secret. The kubelet resolves it; the operator never reads Secrets."""
    config_map_key_ref: KeySelector | None = None
    """A key of a ConfigMap."""
    field_ref: FieldSelector | None = None
    """A field of the pod."""

    rules = (exactly_one("secretKeyRef", "configMapKeyRef", "fieldRef", fix="keep the one that holds the value"),)


class EnvVar(ApiValue):
    """An environment variable."""

    name: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")]
    """Name of the variable. Names that start with TFMODEL_ belong to the contract with the training container."""
    value: Annotated[str, Field(max_length=32768)] | None = None
    """The value itself."""
    value_from: EnvVarSource | None = None
    """Where the value comes from, instead of value."""


class LocalReference(ApiValue):
    """An object of the TFModel's namespace."""

    name: Name
    """Name of the object."""


class EnvFromSource(ApiValue):
    """All keys of a ConfigMap or Secret as environment variables."""

    prefix: Annotated[str, Field(max_length=253)] | None = None
    """Put before each key."""
    config_map_ref: LocalReference | None = None
    """The ConfigMap."""
    secret_ref: LocalReference | None = None
    """The Secret. The kubelet resolves it; the operator never reads Secrets."""

    rules = (exactly_one("configMapRef", "secretRef", fix="use one list entry for each object"),)


class ResourceRequirements(ApiValue):
    """What a container asks for and may use at the most."""

    requests: Annotated[dict[str, ResourceQuantity], Field(max_length=32)] | None = None
    """What the scheduler sets aside, such as cpu and memory."""
    limits: Annotated[dict[str, ResourceQuantity], Field(max_length=32)] | None = None
    """What the container cannot exceed: beyond the memory limit it is killed (OOMKilled)."""


class Toleration(ApiValue):
    """A taint of nodes that the pods tolerate."""

    key: Annotated[str, Field(max_length=316)] | None = None
    """Key of the taint; empty for all."""
    operator: Literal["Exists", "Equal"] | None = None
    """How value is compared."""
    value: Annotated[str, Field(max_length=63)] | None = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; empty for all."""
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None
    """How long a NoExecute taint is tolerated."""


class Placement(ApiValue):
    """Where pods may run. Shared by training and serving."""

    node_selector: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=32)] | None = None
    """Labels that a node must have."""
    tolerations: Annotated[list[Toleration], Field(max_length=32, json_schema_extra=ATOMIC)] | None = None
    """Taints of nodes that the pods tolerate."""
    affinity: OpenObject | None = None
    """Node and pod affinity, as in a pod. Passed on as it is; what the API server refuses in it is named in Accepted."""
    image_pull_secrets: (
        Annotated[list[LocalReference], Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "atomic"})]
        | None
    ) = None
    """Secrets with which the kubelet pulls the image."""
