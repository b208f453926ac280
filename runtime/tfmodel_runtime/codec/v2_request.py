"""Inference requests of the Open Inference Protocol, whatever carried them, held against a signature (contract section 17).

A reader of a body or of a message makes a `Request`; what its inputs hold is only decoded once the signature says of what type
they must be. Types are compared, never converted. Shapes are held against the number of elements, not against the signature:
only the model decides whether they fit, as in TensorFlow Serving.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tfmodel.wire.dtypes import DataType, name
from tfmodel.wire.oip_datatypes import DATATYPES
from tfmodel_runtime.codec import tensor_proto
from tfmodel_runtime.engine.signature import Ask, Signature, TensorSpec
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError, UnimplementedError

SIGNATURE_PARAMETER = "signature_name"
BINARY_OUTPUT_PARAMETER = "binary_data_output"
_MOST_DIMENSIONS = 64
_MOST_ELEMENTS = 2**40
_NOT_SERVED = ("shared_memory_region", "classification")


class Values(Protocol):
    """The elements of one input in the form in which they came."""

    def array(self, data_type: DataType, shape: tuple[int, ...]) -> Array:
        """The elements as an array.

        Raises:
            InvalidInputError: they are of another type, or not as many as the shape has.
        """


@dataclass(frozen=True, slots=True)
class Input:
    """One input as the request has it."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Values


@dataclass(frozen=True, slots=True)
class Output:
    """One output that is asked for. `is_binary` says whether it is answered as bytes."""

    name: str
    is_binary: bool


@dataclass(frozen=True, slots=True)
class Request:
    """A request before it is held against a signature. No outputs mean all, in the signature's order."""

    id: str
    signature_name: str
    inputs: Sequence[Input]
    outputs: Sequence[Output]
    wants_binary: bool


def shape_of(sizes: Sequence[Any], alias: str) -> tuple[int, ...]:
    """The shape that a request gives for an input.

    Raises:
        InvalidInputError: it holds anything but whole numbers from 0 on, or is larger than any tensor.
    """
    if any(type(size) is not int or size < 0 for size in sizes):
        raise InvalidInputError(f"input {alias}: expected a shape of whole numbers from 0 on, got {_cut(sizes)}")
    if len(sizes) > _MOST_DIMENSIONS:
        raise InvalidInputError(f"input {alias}: expected at most {_MOST_DIMENSIONS} dimensions, got {len(sizes)}")
    if math.prod(size for size in sizes if size) > _MOST_ELEMENTS:
        raise InvalidInputError(f"input {alias}: expected a shape that fits into memory, got {_cut(sizes)}")
    return tuple(sizes)


def refuse_not_served(parameters: Mapping[str, Any], place: str) -> None:
    """Refuses parameters that would change what the answer means: ignoring them would answer something else.

    Raises:
        UnimplementedError: the parameters ask for shared memory or for classification.
    """
    for parameter in _NOT_SERVED:
        if parameter in parameters:
            raise UnimplementedError(f"{place}: {parameter} is not served")


def ask(request: Request, signature: Signature) -> Ask:
    """What the request feeds and fetches.

    Raises:
        InvalidInputError: it does not fit the signature.
        UnimplementedError: an input or output has a type that the protocol cannot pass.
    """
    wanted = outputs(request, signature)
    return Ask(feeds(request, signature), [one.name for one in wanted] if request.outputs else None)


def feeds(request: Request, signature: Signature) -> dict[str, Array]:
    """The arrays that the request holds for the inputs of the signature; those that it lacks are the signature's defaults.

    Raises:
        InvalidInputError: an input is missing, unknown, there twice, or does not fit its datatype.
        UnimplementedError: an input has a type that the protocol cannot pass.
    """
    found: dict[str, Array] = {}
    for one in request.inputs:
        spec = signature.inputs.get(one.name)
        if spec is None:
            raise InvalidInputError(f"input {one.name}: expected one of {_names(signature.inputs)}")
        if one.name in found:
            raise InvalidInputError(f"input {one.name}: there twice")
        found[one.name] = _array(one, spec)
    missing = [alias for alias in signature.inputs if alias not in found]
    without_default = [alias for alias in missing if alias not in signature.defaults]
    if without_default:
        raise InvalidInputError(f"missing inputs: {', '.join(without_default)}")
    return found | {alias: tensor_proto.decode(signature.defaults[alias], alias) for alias in missing}


def _array(given: Input, spec: TensorSpec) -> Array:
    wanted = _datatype(spec, "input")
    if given.datatype != wanted:
        raise InvalidInputError(f"input {given.name}: expected datatype {wanted}, got {given.datatype}")
    try:
        return given.values.array(spec.data_type, given.shape)
    except InvalidInputError as error:
        raise InvalidInputError(f"input {given.name}: {error}") from error


def outputs(request: Request, signature: Signature) -> list[Output]:
    """The outputs to answer, in the order of the answer.

    Raises:
        InvalidInputError: one is unknown or asked for twice.
        UnimplementedError: one has a type that the protocol cannot pass.
    """
    wanted = list(request.outputs) or [Output(alias, request.wants_binary) for alias in signature.outputs]
    seen: set[str] = set()
    for one in wanted:
        if one.name not in signature.outputs:
            raise InvalidInputError(f"output {one.name}: expected one of {_names(signature.outputs)}")
        if one.name in seen:
            raise InvalidInputError(f"output {one.name}: asked for twice")
        seen.add(one.name)
        _datatype(signature.outputs[one.name], "output")
    return wanted


def _datatype(spec: TensorSpec, place: str) -> str:
    found = DATATYPES.get(spec.data_type)
    if found is None:
        raise UnimplementedError(f"{place} {spec.alias}: the protocol has no datatype for {name(spec.data_type)}")
    return found


def _names(specs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(specs) or "none"


def _cut(value: Any) -> str:
    return str(value)[:256]
