"""What a SavedModel can be asked: signatures, their inputs and outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfmodel.wire.dtypes import DataType, known
from tfmodel.wire.tensors import Array

DEFAULT_SIGNATURE = "serving_default"
INTERNAL_SIGNATURES = frozenset({"__saved_model_init_op", "__saved_model_train_op"})


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output. `shape` is None for an unknown rank, -1 in it for an unknown dimension."""

    alias: str
    tensor_name: str
    data_type: DataType
    shape: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature by name; inputs and outputs by alias, in the order of their aliases; `defaults` are TensorProtos by alias."""

    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method_name: str
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> str:
        """Inputs, outputs and method in a line, for error texts."""
        return (
            f'inputs {{{",".join(self.inputs)}}} outputs {{{",".join(self.outputs)}}} method_name: "{self.method_name}"'
        )


def takes_rows(spec: TensorSpec, shape: tuple[int, ...]) -> bool:
    """Whether an input takes any number of rows, each of the very size that rows of this shape have."""
    return spec.shape is not None and spec.shape[:1] == (-1,) and spec.shape[1:] == shape[1:]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is fed to a signature and fetched from it, by alias; without `fetches` all outputs are fetched.

    `examples` is how many tf.Examples are fed, 0 where it is tensors.
    """

    feeds: Mapping[str, Array]
    fetches: Sequence[str] | None = None
    examples: int = 0


BY_POSITION = "_by_position"
"""Ending of the name under which a signature with named features still takes the unnamed row."""
_MOST_FEATURES = 1024


def fed_by_position(signature: Signature) -> str | None:
    """The one input of a signature that takes a row of unnamed numbers, [?, n] with n of at least 2; None if there is none such.

    A client that sends the numbers in another order gets wrong answers, and nobody notices.
    """
    if len(signature.inputs) != 1:
        return None
    spec = next(iter(signature.inputs.values()))
    is_row = spec.shape is not None and len(spec.shape) == 2 and 2 <= spec.shape[1] <= _MOST_FEATURES
    return spec.alias if is_row and spec.data_type in (DataType.FLOAT, DataType.DOUBLE) else None


def has_named_features(name: str, signatures: Mapping[str, Signature]) -> bool:
    """Whether a signature that takes an unnamed row has one beside it that takes the same by name, as export.featureNames makes it."""
    return name.endswith(BY_POSITION) and name.removesuffix(BY_POSITION) in signatures


def signatures_of(meta_graph: Any) -> dict[str, Signature]:
    """The signatures of a MetaGraphDef that can be called."""
    return {
        name: Signature(
            name, _specs(found.inputs), _specs(found.outputs), found.method_name, dict(found.defaults.items())
        )
        for name, found in sorted(meta_graph.signature_def.items())
        if name not in INTERNAL_SIGNATURES
    }


def _specs(tensors: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        alias: TensorSpec(alias, info.name, known(info.dtype), _shape(info.tensor_shape))
        for alias, info in sorted(tensors.items())
    }


def _shape(shape: Any) -> tuple[int, ...] | None:
    return None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
