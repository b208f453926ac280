"""Predict requests and answers of TensorFlow Serving's REST API (contract section 3): rows and columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tfmodel_runtime.codec.json_text import parse, rows, write
from tfmodel_runtime.codec.json_values import array_of, is_base64
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError, RuntimeFault

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True, slots=True)
class Request:
    """A body that was parsed, before it is held against a signature."""

    signature_name: str
    root: Mapping[str, Any]

    @property
    def form(self) -> Literal["row", "columnar"]:
        """How the answer is laid out."""
        return "row" if "instances" in self.root else "columnar"


def read(body: bytes) -> Request:
    """The request in a body.

    Raises:
        InvalidInputError: it is no JSON object, or its signature_name is no string.
    """
    root = parse(body)
    signature_name = root.get("signature_name", "")
    if not isinstance(signature_name, str):
        raise InvalidInputError("'signature_name' key must be a string value.")
    return Request(signature_name or DEFAULT_SIGNATURE, root)


def feeds(request: Request, signature: Signature) -> dict[str, Array]:
    """The arrays that the request holds for the inputs of the signature.

    Raises:
        InvalidInputError: the request does not fit the signature.
    """
    has_rows, has_columns = "instances" in request.root, "inputs" in request.root
    if has_rows and has_columns:
        raise InvalidInputError("Not formatted correctly expecting only one of 'instances' or 'inputs' keys to exist")
    if has_rows:
        return _from_rows(request.root["instances"], signature)
    if has_columns:
        return _from_columns(request.root["inputs"], signature)
    raise InvalidInputError("Missing 'inputs' or 'instances' key")


def _from_rows(instances: Any, signature: Signature) -> dict[str, Array]:
    if not isinstance(instances, list):
        raise InvalidInputError("Excepting 'instances' to be an list/array")
    if not instances:
        raise InvalidInputError("No values in 'instances' array")
    if _is_named(instances[0]):
        return _from_named_rows(instances, signature)
    for number, row in enumerate(instances):
        if _is_named(row):
            raise InvalidInputError(f"Expecting value/list but got object at item {number} of input list")
    if len(signature.inputs) != 1:
        raise InvalidInputError(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            f"tensorinfo_map: {', '.join(signature.inputs)}"
        )
    alias, spec = next(iter(signature.inputs.items()))
    return {alias: array_of(instances, spec)}


def _is_named(row: Any) -> bool:
    return isinstance(row, dict) and not is_base64(row)


def _from_named_rows(instances: list[Any], signature: Signature) -> dict[str, Array]:
    wanted = ",".join(signature.inputs)
    for number, row in enumerate(instances):
        if not _is_named(row):
            raise InvalidInputError(f"Expecting object but got list at item {number} of input list")
        for key in row:
            if key not in signature.inputs:
                raise InvalidInputError(f"JSON object: does not have named input: {key}")
        if len(row) != len(signature.inputs):
            raise InvalidInputError(f"Failed to process element: {number}: keys must be equal to: {wanted}")
    return {alias: _column(instances, alias, spec) for alias, spec in signature.inputs.items()}


def _column(instances: list[Any], alias: str, spec: TensorSpec) -> Array:
    values = [row[alias] for row in instances]
    try:
        return array_of(values, spec)
    except RuntimeFault:
        return _stacked([_element(number, value, alias, spec) for number, value in enumerate(values)])


def _stacked(rows: list[Array]) -> Array:
    first = rows[0]
    for row in rows:
        if row.size != first.size:
            raise InvalidInputError(f"Expecting tensor size: {first.size} but got: {row.size}")
        if row.shape != first.shape:
            raise InvalidInputError(f"Expecting shape {list(first.shape)} but got: {list(row.shape)}")
    return np.stack(rows)


def _element(number: int, value: Any, alias: str, spec: TensorSpec) -> Array:
    try:
        return array_of(value, spec)
    except RuntimeFault as error:
        raise InvalidInputError(
            f"Failed to process element: {number} key: {alias} of 'instances' list. Error: INVALID_ARGUMENT: {error}"
        ) from error


def _from_columns(inputs: Any, signature: Signature) -> dict[str, Array]:
    if isinstance(inputs, dict) and not (len(signature.inputs) == 1 and is_base64(inputs)):
        missing = next((alias for alias in signature.inputs if alias not in inputs), None)
        if missing is not None:
            raise InvalidInputError(f"Missing named input: {missing} in 'inputs' object.")
        return {alias: array_of(inputs[alias], spec) for alias, spec in signature.inputs.items()}
    if len(signature.inputs) != 1:
        raise InvalidInputError(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            f"tensorinfo_map: {', '.join(signature.inputs)}"
        )
    alias, spec = next(iter(signature.inputs.items()))
    return {alias: array_of(inputs, spec)}


def answer(request: Request, signature: Signature, outputs: Mapping[str, Array]) -> bytes:
    """The body of the answer, in the layout of the request.

    Raises:
        InvalidInputError: the outputs have no form in that layout.
    """
    text = _as_rows(signature, outputs) if request.form == "row" else _as_columns(outputs)
    return text.encode("utf-8", errors="surrogateescape")


def _as_columns(outputs: Mapping[str, Array]) -> str:
    written = {alias: write(array, as_base64=_is_binary(alias)) for alias, array in outputs.items()}
    if len(written) == 1:
        return f'{{\n    "outputs": {next(iter(written.values()))}\n}}'
    fields = ",\n".join(f'        "{alias}": {text}' for alias, text in written.items())
    return f'{{\n    "outputs": {{\n{fields}\n    }}\n}}'


def _as_rows(signature: Signature, outputs: Mapping[str, Array]) -> str:
    count = _row_count(signature, outputs)
    if len(outputs) == 1:
        alias, array = next(iter(outputs.items()))
        return f'{{\n    "predictions": {write(array, as_base64=_is_binary(alias))}\n}}'
    columns = {alias: rows(array, as_base64=_is_binary(alias)) for alias, array in outputs.items()}
    objects = [
        "        {" + ", ".join(f'"{alias}": {texts[number]}' for alias, texts in columns.items()) + "}"
        for number in range(count)
    ]
    listed = ",\n".join(objects)
    return f'{{\n    "predictions": [\n{listed}\n    ]\n}}' if objects else '{\n    "predictions": []\n}'


def _row_count(signature: Signature, outputs: Mapping[str, Array]) -> int:
    count: int | None = None
    for alias, array in outputs.items():
        if array.ndim == 0:
            raise InvalidInputError(f"Tensor name: {signature.outputs[alias].alias} has no shape information")
        if count is not None and len(array) != count:
            raise InvalidInputError(
                f"Tensor name: {alias} has inconsistent batch size: {len(array)} expecting: {count}"
            )
        count = len(array)
    return count or 0


def _is_binary(alias: str) -> bool:
    return alias.endswith("_bytes")
