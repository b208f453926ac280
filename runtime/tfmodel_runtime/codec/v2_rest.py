"""Bodies of the Open Inference Protocol over REST: JSON, or a JSON part followed by the bytes of tensors.

The binary tensor extension: `Inference-Header-Content-Length` tells how long the JSON part is; the bytes of the inputs that
carry `binary_data_size` follow in their order. Answers have the same layout. The JSON is strict: no NaN, no bytes after it, at
most 1024 levels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tfmodel.wire.dtypes import of_array
from tfmodel.wire.oip_datatypes import DATATYPES
from tfmodel_runtime.codec import v2_binary, v2_json, v2_request
from tfmodel_runtime.codec.json_text import excerpt
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
from tfmodel_runtime.engine.signature import Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError

_TYPES: Mapping[type, tuple[str, Any]] = {
    str: ("a string", ""),
    bool: ("true or false", False),
    dict: ("an object", {}),
    list: ("a list", []),
    int: ("a whole number", 0),
}
_DIGITS_OF_A_LENGTH = 19


@dataclass(slots=True)
class _Tail:
    """The bytes after the JSON part, handed out from the front."""

    data: memoryview
    at: int = 0

    def take(self, size: int, alias: str) -> memoryview:
        """The next bytes."""
        left = len(self.data) - self.at
        if not 0 <= size <= left:
            raise InvalidInputError(f"input {alias}: binary_data_size is {size}, but {left} bytes are left in the body")
        self.at += size
        return self.data[self.at - size : self.at]


def read(body: bytes, header_length: str | None) -> Request:
    """The request in a body. `header_length` is the value of Inference-Header-Content-Length, None if there is none.

    Raises:
        InvalidInputError: it is no request.
        UnimplementedError: it asks for shared memory or classification.
    """
    length = len(body) if header_length is None else _length(header_length, len(body))
    view = memoryview(body)
    root = _root(view[:length])
    parameters = _field(root, "parameters", dict, "the request")
    refuse_not_served(parameters, "the request")
    wants_binary = _field(parameters, BINARY_OUTPUT_PARAMETER, bool, "parameters")
    tail = _Tail(view[length:])
    if "inputs" not in root:
        raise InvalidInputError("the request has no inputs")
    inputs = [_input(one, tail) for one in _field(root, "inputs", list, "the request")]
    if tail.at != len(tail.data):
        raise InvalidInputError(f"{len(tail.data) - tail.at} bytes at the end of the body belong to no input")
    return Request(
        id=_field(root, "id", str, "the request"),
        signature_name=_field(parameters, SIGNATURE_PARAMETER, str, "parameters"),
        inputs=inputs,
        outputs=[_output(one, wants_binary) for one in _field(root, "outputs", list, "the request")],
        wants_binary=wants_binary,
    )


def _length(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS_OF_A_LENGTH) or int(text) > most:
        raise InvalidInputError(
            f"expected Inference-Header-Content-Length between 0 and the {most} bytes of the body, got {text[:64]}"
        )
    return int(text)


def _root(text: memoryview) -> dict[str, Any]:
    try:
        root = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"expected JSON: {error}") from error
    return _object(root, "the request")


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInputError(f"{place}: expected an object, got {excerpt(value)}")
    return value


def _field(holder: Mapping[str, Any], key: str, kind: type, place: str) -> Any:
    """A field that need not be there, and is empty then; null is as good as absent."""
    told, empty = _TYPES[kind]
    value = holder.get(key)
    if value is None:
        return empty
    if type(value) is not kind:
        raise InvalidInputError(f"{place}: expected {key} to be {told}, got {excerpt(value)}")
    return value


def _input(value: Any, tail: _Tail) -> Input:
    one = _object(value, "an input")
    alias = _name(one, "an input")
    place = f"input {alias}"
    parameters = _field(one, "parameters", dict, place)
    refuse_not_served(parameters, place)
    if "shape" not in one or "datatype" not in one:
        raise InvalidInputError(f"{place}: expected a shape and a datatype")
    shape = shape_of(_field(one, "shape", list, place), alias)
    return Input(alias, _field(one, "datatype", str, place), shape, _values(one, parameters, tail, alias))


def _values(one: Mapping[str, Any], parameters: Mapping[str, Any], tail: _Tail, alias: str) -> Values:
    is_binary = "binary_data_size" in parameters
    if is_binary == ("data" in one):
        raise InvalidInputError(f"input {alias}: expected either data or the parameter binary_data_size")
    if not is_binary:
        return v2_json.JsonValues(one["data"])
    size = _field(parameters, "binary_data_size", int, f"input {alias}")
    return v2_binary.BinaryValues(tail.take(size, alias))


def _output(value: Any, wants_binary: bool) -> Output:
    one = _object(value, "an output")
    alias = _name(one, "an output")
    parameters = _field(one, "parameters", dict, f"output {alias}")
    refuse_not_served(parameters, f"output {alias}")
    chosen = _field(parameters, "binary_data", bool, f"output {alias}")
    return Output(alias, chosen if "binary_data" in parameters else wants_binary)


def _name(one: Mapping[str, Any], place: str) -> str:
    alias: str = _field(one, "name", str, place)
    if not alias:
        raise InvalidInputError(f"{place}: expected a name")
    return alias


def ask(request: Request, signature: Signature) -> Ask:
    """What the request feeds and fetches. What could not be answered is refused before the model runs.

    Raises:
        InvalidInputError: it does not fit the signature, or an output has no form in JSON and is not asked for as bytes.
        UnimplementedError: an input or output has a type that the protocol cannot pass.
    """
    for one in outputs(request, signature):
        data_type = signature.outputs[one.name].data_type
        if data_type in v2_json.WITHOUT_JSON and not one.is_binary:
            told = f"{DATATYPES[data_type]} has no form in JSON: ask for it with binary_data"
            raise InvalidInputError(f"output {one.name}: {told}")
    return v2_request.ask(request, signature)


@dataclass(frozen=True, slots=True)
class Body:
    """A body and how long its JSON part is; None if it is nothing but JSON."""

    content: bytes
    header_length: int | None


def answer(
    request: Request, signature: Signature, found: Mapping[str, Array], *, model_name: str, model_version: int
) -> Body:
    """The body of the answer.

    Raises:
        InvalidInputError: a string that is to be JSON is not UTF-8.
    """
    told: dict[str, Any] = {"model_name": model_name, "model_version": str(model_version)}
    if request.id:
        told["id"] = request.id
    wanted = outputs(request, signature)
    tails = {one.name: v2_binary.write(found[one.name]) for one in wanted if one.is_binary}
    told["outputs"] = [_written(one.name, found[one.name], tails.get(one.name)) for one in wanted]
    header = orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)
    return Body(b"".join((header, *tails.values())), len(header) if tails else None)


def _written(alias: str, array: Array, tail: bytes | None) -> dict[str, Any]:
    shape: Sequence[int] = array.shape
    one: dict[str, Any] = {"name": alias, "datatype": DATATYPES[of_array(array)], "shape": list(shape)}
    if tail is None:
        one["data"] = v2_json.write(array, alias)
    else:
        one["parameters"] = {"binary_data_size": len(tail)}
    return one
