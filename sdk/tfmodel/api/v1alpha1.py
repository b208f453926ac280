"""TFModel, version v1alpha1 of group tfmodel.dev: one manifest from training to a monitored endpoint.

These types are the one source of the API: `crds/tfmodels.yaml` is generated from them, their docstrings are what
`kubectl explain` prints, the operator and `tfmodel run` parse manifests with them.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tfmodel.api.export import Export
from tfmodel.api.schema import DEFAULTED, ApiValue, Rule, exactly_one
from tfmodel.api.serving import Serving, Storage, Validation
from tfmodel.api.source import Source
from tfmodel.api.status import TFModelStatus
from tfmodel.api.training import Training

GROUP = "tfmodel.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "TFModel"
PLURAL = "tfmodels"
NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
NAME_MAX_LENGTH = 40
WORKERS_NAMES_MAX_LENGTH = 50
WORKERS_NAMES_TOO_LONG = (
    f"metadata.name and training.runId must have at most {WORKERS_NAMES_MAX_LENGTH} characters together when "
    "training.workers is above 1: the workers' host names are made from them"
)


class TFModelSpec(ApiValue):
    """What is wanted."""

    training: Training | None = None
    """Train a model. Instead of source."""
    source: Source | None = None
    """Serve a model that exists already. Instead of training."""
    export: Annotated[Export, Field(default_factory=Export, json_schema_extra=DEFAULTED)]
    """What a version is beside the SavedModel that serves."""
    validation: Annotated[Validation, Field(default_factory=Validation, json_schema_extra=DEFAULTED)]
    """What a version must pass before it may serve."""
    storage: Annotated[Storage, Field(default_factory=Storage, json_schema_extra=DEFAULTED)]
    """Where the versions live."""
    serving: Annotated[Serving, Field(default_factory=Serving, json_schema_extra=DEFAULTED)]
    """How the model is served."""
    paused: bool = False
    """true makes the operator leave everything as it is, whatever else changes; pods that serve go on serving."""

    rules = (
        exactly_one("training", "source", fix="train a model, or name one that exists"),
        Rule(
            cel=(
                "!has(self.export) || !has(self.export.tflite) || !has(self.export.tflite.representativeInput) || "
                "(has(self.training) && has(self.training.inputs) && "
                "self.training.inputs.exists(one, one.name == self.export.tflite.representativeInput))"
            ),
            message="export.tflite.representativeInput must name one of training.inputs: correct the name, or add the input",
            check=lambda spec: _representative(spec) is None or _representative(spec) in _input_names(spec),
        ),
        Rule(
            cel=(
                "!has(self.export) || !has(self.export.tflite) || self.export.tflite.quantization != 'Int8' || "
                "has(self.export.tflite.representativeInput) || "
                "(has(self.validation) && has(self.validation.smokeRequest))"
            ),
            message=(
                "export.tflite.quantization Int8 needs representative rows: name one of training.inputs in "
                "export.tflite.representativeInput, or give rows in validation.smokeRequest"
            ),
            check=lambda spec: (
                spec.export.quantization != "Int8"
                or _representative(spec) is not None
                or spec.validation.smoke_request is not None
            ),
        ),
    )

    @property
    def run_id(self) -> str:
        """Name of the run that is wanted."""
        made_by = self.training or self.source
        assert made_by is not None  # noqa: S101 - the rule above holds for every parsed spec
        return made_by.run_id


def _representative(spec: TFModelSpec) -> str | None:
    return spec.export.tflite.representative_input if spec.export.tflite else None


def _input_names(spec: TFModelSpec) -> set[str]:
    return {data.name for data in (spec.training.inputs if spec.training else None) or []}


class ObjectMeta(BaseModel):
    """The parts of an object's metadata that are read here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: Annotated[str, Field(pattern=NAME_PATTERN, max_length=NAME_MAX_LENGTH)]
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    resourceVersion: str = ""  # noqa: N815 - the wire's name
    creationTimestamp: str | None = None  # noqa: N815
    deletionTimestamp: str | None = None  # noqa: N815
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class TFModel(BaseModel):
    """A model: how it comes to be, what it must pass, where its versions live, how it is served.

    Raises:
        pydantic.ValidationError: from `model_validate`, naming each field that is unknown, missing or wrong.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    apiVersion: Literal["tfmodel.dev/v1alpha1"]  # noqa: N815
    kind: Literal["TFModel"]
    metadata: ObjectMeta
    spec: TFModelSpec
    status: TFModelStatus = TFModelStatus()

    @model_validator(mode="after")
    def _workers_names_fit(self) -> Self:
        training = self.spec.training
        if training is None or training.workers < 2:
            return self
        if len(self.metadata.name) + len(training.run_id) > WORKERS_NAMES_MAX_LENGTH:
            raise ValueError(WORKERS_NAMES_TOO_LONG)
        return self

    @property
    def name(self) -> str:
        """Name of the object."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """Namespace of the object."""
        return self.metadata.namespace

    @property
    def owner_reference(self) -> dict[str, Any]:
        """What a child carries so that it is deleted with the TFModel."""
        return {
            "apiVersion": self.apiVersion,
            "kind": self.kind,
            "name": self.name,
            "uid": self.metadata.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }
