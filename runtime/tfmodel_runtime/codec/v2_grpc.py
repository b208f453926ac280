"""ModelInfer's messages: values as bytes (`raw_input_contents`) or in the typed fields, never both in one message.

An answer is raw if the request's inputs were or if its parameter `binary_data_output` says so, and always if it holds FP16 or
BF16, which have no typed field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType, numpy_dtype, of_array
from tfmodel.wire.oip_datatypes import CONTENTS_FIELDS, DATATYPES
from tfmodel_runtime.codec import v2_binary
from tfmodel_runtime.codec.v2_request import (
    BINARY_OUTPUT_PARAMETER,
    SIGNATURE_PARAMETER,
    Input,
    Output,
    Request,
    Values,
    outputs,
    refuse_not_served,
    shape_of,
)
from tfmodel_runtime.engine.signature import Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class TypedValues:
    """The InferTensorContents of one input."""

    contents: Any

    def array(self, data_type: DataType, shape: tuple[int, ...]) -> Array:
        """The elements as an array.

        Raises:
            InvalidInputError: they are in another field, out of range, or not as many as the shape has.
        """
        wanted = CONTENTS_FIELDS.get(data_type)
        if wanted is None:
            raise InvalidInputError(f"{DATATYPES[data_type]} has no typed field: send it in raw_input_contents")
        others = [field.name for field, _ in self.contents.ListFields() if field.name != wanted]
        if others:
            raise InvalidInputError(f"expected {DATATYPES[data_type]} in {wanted}, got {', '.join(others)}")
        values = getattr(self.contents, wanted)
        if len(values) != prod(shape):
            raise InvalidInputError(f"expected {prod(shape)} elements for shape {list(shape)}, got {len(values)}")
        return _of(values, data_type).reshape(shape)


def _of(values: Any, data_type: DataType) -> Array:
    if data_type is DataType.STRING:
        array = np.empty(len(values), object)
        array[:] = list(values)
        return array
    try:
        return np.fromiter(values, numpy_dtype(data_type), len(values))
    except OverflowError as error:
        raise InvalidInputError(f"an element is out of the range of {DATATYPES[data_type]}") from error


def read(message: Any) -> Request:
    """The request in a ModelInferRequest.

    Raises:
        InvalidInputError: it is no request.
        UnimplementedError: it asks for shared memory or classification.
    """
    raw = message.raw_input_contents
    if raw and len(raw) != len(message.inputs):
        raise InvalidInputError(
            f"expected {len(message.inputs)} raw_input_contents, one for each input, got {len(raw)}"
        )
    refuse_not_served(message.parameters, "the request")
    wants_binary = _parameter(message.parameters, BINARY_OUTPUT_PARAMETER, "bool_param", default=bool(raw))
    return Request(
        id=message.id,
        signature_name=_parameter(message.parameters, SIGNATURE_PARAMETER, "string_param", default=""),
        inputs=[_input(one, raw[number] if raw else None) for number, one in enumerate(message.inputs)],
        outputs=[_output(one, is_binary=wants_binary) for one in message.outputs],
        wants_binary=wants_binary,
    )


def _parameter(parameters: Any, name: str, field: str, *, default: Any) -> Any:
    if name not in parameters:
        return default
    found = parameters[name]
    if found.WhichOneof("parameter_choice") != field:
        raise InvalidInputError(f"parameter {name}: expected {field}, got {found.WhichOneof('parameter_choice')}")
    return getattr(found, field)


def _input(one: Any, raw: bytes | None) -> Input:
    refuse_not_served(one.parameters, f"input {one.name}")
    if raw is not None and one.contents.ByteSize():
        raise InvalidInputError(f"input {one.name}: expected contents or raw_input_contents, got both")
    values: Values = TypedValues(one.contents) if raw is None else v2_binary.BinaryValues(raw)
    return Input(one.name, one.datatype, shape_of(one.shape, one.name), values)


def _output(one: Any, *, is_binary: bool) -> Output:
    refuse_not_served(one.parameters, f"output {one.name}")
    return Output(one.name, is_binary)


def answer(
    request: Request, signature: Signature, found: Mapping[str, Array], *, model_name: str, model_version: int
) -> Any:
    """The ModelInferResponse."""
    told = messages.ModelInferResponse(model_name=model_name, model_version=str(model_version), id=request.id)
    wanted = outputs(request, signature)
    is_raw = any(one.is_binary or of_array(found[one.name]) not in CONTENTS_FIELDS for one in wanted)
    for one in wanted:
        array = found[one.name]
        data_type = of_array(array)
        output = told.outputs.add(name=one.name, datatype=DATATYPES[data_type], shape=array.shape)
        if is_raw:
            told.raw_output_contents.append(v2_binary.write(array))
        else:
            getattr(output.contents, CONTENTS_FIELDS[data_type]).extend(array.ravel().tolist())
    return told
