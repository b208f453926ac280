"""What clients are told of models: versions with their states, signatures with their inputs and outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmodel.wire.dtypes import DataType, known


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """A version and its state in TensorFlow Serving's words: START, LOADING, AVAILABLE, UNLOADING, END.

    `error_code` is OK, or a canonical code such as DATA_LOSS when the version could not be loaded.
    """

    version: int
    state: str
    error_code: str
    error_message: str


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output. `shape` is None for an unknown rank, -1 in it for an unknown dimension."""

    data_type: DataType
    shape: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class SignatureInfo:
    """A signature's inputs and outputs by alias."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]


@dataclass(frozen=True, slots=True)
class Metadata:
    """The version that answered, and its signatures by name."""

    model: str
    version: int
    signatures: Mapping[str, SignatureInfo]


def version_statuses(response: Any) -> list[VersionStatus]:
    """The versions in a GetModelStatusResponse, the newest first."""
    states = response.DESCRIPTOR.fields_by_name["model_version_status"].message_type.enum_types_by_name["State"]
    return [
        VersionStatus(
            one.version,
            states.values_by_number[one.state].name,
            _code_name(one.status),
            one.status.error_message,
        )
        for one in response.model_version_status
    ]


def _code_name(status: Any) -> str:
    codes = status.DESCRIPTOR.fields_by_name["error_code"].enum_type
    return str(codes.values_by_number[status.error_code].name)


def signatures(found: Any) -> dict[str, SignatureInfo]:
    """The signatures in a SignatureDefMap, those that cannot be called left out."""
    return {
        name: SignatureInfo(_tensors(signature.inputs), _tensors(signature.outputs))
        for name, signature in sorted(found.signature_def.items())
        if not name.startswith("__")
    }


def _tensors(tensors: Mapping[str, Any]) -> dict[str, TensorInfo]:
    return {alias: TensorInfo(known(info.dtype), _shape(info.tensor_shape)) for alias, info in sorted(tensors.items())}


def _shape(shape: Any) -> tuple[int, ...] | None:
    return None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
