"""Predict requests and answers of TensorFlow Serving's REST API (contract section 3): rows and columns."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmodel_runtime.codec import plain_numbers
from tfmodel_runtime.codec.json_text import excerpt, in_bytes, numbers, parse, quoted, rows, write
from tfmodel_runtime.codec.json_values import FLOATS, RANGES, array_of, is_base64, to_type
from tfmodel_runtime.codec.plain_numbers import Form, Plain
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError, RuntimeFault
from tfmodel_runtime.statuses import code_of

DEFAULT_SIGNATURE = "serving_default"
_ROWS, _COLUMNS, _END = b'{\n    "predictions": ', b'{\n    "outputs": ', b"\n}"


class Request:
    """A body that was parsed, before it is held against a signature."""

    __slots__ = ("_body", "_root", "form", "plain", "signature_name")

    def __init__(self, body: bytes, plain: Plain | None) -> None:
        self._body = body
        self.plain = plain
        self._root: Mapping[str, Any] | None = None
        self.form: Form
        """How the answer is laid out."""
        if plain is not None and (plain.signature_name is None or isinstance(plain.signature_name, str)):
            self.signature_name = plain.signature_name or DEFAULT_SIGNATURE
            self.form = plain.form
        else:
            self.plain = None
            self.signature_name = signature_name(self.root)
            self.form = "row" if "instances" in self.root else "columnar"

    @property
    def root(self) -> Mapping[str, Any]:
        """The root object."""
        if self._root is None:
            self._root = parse(self._body)
        return self._root

    def numbers(self, spec: TensorSpec) -> Array | None:
        """The input, if the body holds nothing but its numbers and they have its type; None if it is to be read with care."""
        plain = self.plain
        if plain is None:
            return None
        if spec.data_type in FLOATS:
            return to_type(plain.values, spec.data_type).reshape(plain.shape)
        low, high = RANGES.get(spec.data_type, (1, 0))
        found = plain_numbers.whole(self._body, plain) if low <= 0 <= high else None
        if found is None or not (low <= int(found.min()) and int(found.max()) <= high):
            return None
        return to_type(found, spec.data_type).reshape(plain.shape)

    def learn(self, array: Array, spec: TensorSpec) -> None:
        """The body held this array, and the next one will probably hold its like."""
        if spec.data_type in FLOATS or spec.data_type in RANGES:
            plain_numbers.learn(self._body, self.root, array.shape)


def read(body: bytes) -> Request:
    """The request in a body.

    Raises:
        InvalidInputError: it is no JSON object, or its signature_name is no string.
    """
    return Request(body, plain_numbers.read(body))


def signature_name(root: Mapping[str, Any]) -> str:
    """The signature that a body names.

    Raises:
        InvalidInputError: it is no string.
    """
    found = root.get("signature_name", "")
    if not isinstance(found, str):
        raise InvalidInputError(
            f"JSON Value: {excerpt(root)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return found or DEFAULT_SIGNATURE


def feeds(request: Request, signature: Signature) -> dict[str, Array]:
    """The arrays that the request holds for the inputs of the signature.

    Raises:
        InvalidInputError: the request does not fit the signature.
        UnimplementedError: an input has a type that columns cannot hold.
    """
    if request.plain is not None and len(signature.inputs) == 1:
        alias, spec = next(iter(signature.inputs.items()))
        found = request.numbers(spec)
        if found is not None:
            return {alias: found}
    root = request.root
    if not signature.inputs:
        raise InvalidInputError(f"Failed to get input map for signature: {signature.name}")
    has_rows, has_columns = "instances" in root, "inputs" in root
    if has_rows and has_columns:
        raise _misformed(root, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ")
    if has_columns:
        return _learned(request, _from_columns(root["inputs"], signature), signature)
    if not has_rows:
        raise InvalidInputError("Missing 'inputs' or 'instances' key")
    if not isinstance(root["instances"], list):
        raise _misformed(root, "Expecting 'instances' to be an list/array")
    if not root["instances"]:
        raise _misformed(root, "No values in 'instances' array")
    return _learned(request, _from_rows(root["instances"], signature), signature)


def _learned(request: Request, found: dict[str, Array], signature: Signature) -> dict[str, Array]:
    if len(found) == 1:
        alias, array = next(iter(found.items()))
        request.learn(array, signature.inputs[alias])
    return found


def _misformed(root: Mapping[str, Any], told: str) -> InvalidInputError:
    return InvalidInputError(f"JSON Value: {excerpt(root)} {told}")


def _from_rows(instances: list[Any], signature: Signature) -> dict[str, Array]:
    if not isinstance(instances[0], dict) and len(signature.inputs) > 1:
        raise InvalidInputError(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    if _is_named(instances[0]):
        return _from_named_rows(instances, signature)
    for number, row in enumerate(instances):
        if _is_named(row):
            raise InvalidInputError(f"Expecting value/list but got object at item {number} of input list")
    alias, spec = next(iter(signature.inputs.items()))
    try:
        return {alias: array_of(instances, spec)}
    except RuntimeFault:
        return {alias: _row_by_row(instances, spec, "")}


def _is_named(row: Any) -> bool:
    return isinstance(row, dict) and not is_base64(row)


def _from_named_rows(instances: list[Any], signature: Signature) -> dict[str, Array]:
    wanted = signature.inputs.keys()
    for number, row in enumerate(instances):
        if not _is_named(row):
            raise InvalidInputError(f"Expecting object but got list at item {number} of input list")
        if row.keys() != wanted:
            raise _wrong_keys(number, row, signature)
    return {alias: _column(instances, alias, spec) for alias, spec in signature.inputs.items()}


def _wrong_keys(number: int, row: Mapping[str, Any], signature: Signature) -> InvalidInputError:
    for key in row:
        if key not in signature.inputs:
            told = f"INVALID_ARGUMENT: JSON object: does not have named input: {key}"
            return InvalidInputError(
                f"Failed to process element: {number} key: {key} of 'instances' list. Error: {told}"
            )
    return InvalidInputError(
        f"Failed to process element: {number} of 'instances' list. JSON object: {excerpt(row)} "
        f"keys must be equal to: {','.join(signature.inputs)}"
    )


def _column(instances: list[Any], alias: str, spec: TensorSpec) -> Array:
    values = [row[alias] for row in instances]
    try:
        return array_of(values, spec)
    except RuntimeFault:
        return _row_by_row(values, spec, f" key: {alias}")


def _row_by_row(values: list[Any], spec: TensorSpec, key: str) -> Array:
    """The slow way, which knows which row is wrong."""
    rows: list[Array] = []
    for number, value in enumerate(values):
        try:
            rows.append(_like(array_of(value, spec), rows))
        except RuntimeFault as error:
            code = code_of(error).name
            told = f"Failed to process element: {number}{key} of 'instances' list. Error: {code}: {error}"
            raise InvalidInputError(told) from error
    return np.stack(rows)


def _like(row: Array, rows: list[Array]) -> Array:
    if rows and row.size != rows[0].size:
        raise InvalidInputError(f"Expecting tensor size: {rows[0].size} but got: {row.size}")
    if rows and row.shape != rows[0].shape:
        raise InvalidInputError(f"Expecting shape {_shape(rows[0])} but got: {_shape(row)}")
    return row


def _shape(array: Array) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _from_columns(inputs: Any, signature: Signature) -> dict[str, Array]:
    if isinstance(inputs, dict) and not is_base64(inputs):
        missing = next((alias for alias in signature.inputs if alias not in inputs), None)
        if missing is not None:
            raise InvalidInputError(f"Missing named input: {missing} in 'inputs' object.")
        return {alias: array_of(inputs[alias], spec) for alias, spec in signature.inputs.items()}
    if len(signature.inputs) != 1:
        raise InvalidInputError(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map"
        )
    alias, spec = next(iter(signature.inputs.items()))
    return {alias: array_of(inputs, spec)}


def around(form: Form) -> tuple[bytes, bytes]:
    """What stands before and after the values of a single output, in a layout."""
    return (_ROWS if form == "row" else _COLUMNS), _END


def answer(form: Form, outputs: Mapping[str, Array]) -> bytes:
    """The body of the answer, in the layout that its request had.

    Raises:
        InvalidInputError: the outputs have no form in that layout.
    """
    if len(outputs) == 1:
        written = numbers(next(iter(outputs.values())))
        if written is not None:
            begin, end = around(form)
            return begin + written + end
    if form == "columnar":
        return in_bytes(_as_columns(outputs))
    if len(outputs) == 1:
        alias, array = next(iter(outputs.items()))
        _row_count(outputs)
        return in_bytes(f'{{\n    "predictions": {write(array, as_base64=_is_binary(alias))}\n}}')
    return _as_rows(outputs, 1)[0] if _row_count(outputs) else _ROWS + b"[]" + _END


def answers(form: Form, outputs: Mapping[str, Array], count: int) -> list[bytes]:
    """The bodies of so many answers in the same layout, of outputs that have the same number of rows for each, at least one.

    Raises:
        InvalidInputError: the outputs have no form in that layout.
    """
    if form == "row" and len(outputs) > 1:
        return _as_rows(outputs, count)
    columns = {alias: _lists(rows(array, as_base64=_is_binary(alias)), count) for alias, array in outputs.items()}
    if len(columns) == 1:
        begin, end = around(form)
        return [begin + text + end for text in next(iter(columns.values()))]
    named = [[_name(alias) + text for text in texts] for alias, texts in columns.items()]
    return [b'{\n    "outputs": {\n' + b",\n".join(fields) + b"\n    }\n}" for fields in zip(*named, strict=True)]


def _lists(texts: list[bytes], count: int) -> list[bytes]:
    """So many lists of equal length that hold these values in their order."""
    size = len(texts) // count
    return [b"[%b]" % b",".join(texts[first : first + size]) for first in range(0, len(texts), size)]


def _as_rows(outputs: Mapping[str, Array], count: int) -> list[bytes]:
    """So many answers of several outputs, a row for each object."""
    columns = [rows(array, as_base64=_is_binary(alias)) for alias, array in outputs.items()]
    row = b"        {" + b", ".join(_quoted(alias) + b": %b" for alias in outputs) + b"}"
    objects = [row % values for values in zip(*columns, strict=True)]
    size = len(objects) // count
    listed = (b",\n".join(objects[first : first + size]) for first in range(0, len(objects), size))
    return [b'{\n    "predictions": [\n' + text + b"\n    ]\n}" for text in listed]


def _quoted(alias: str) -> bytes:
    """An output's name, in a template."""
    return in_bytes(quoted(alias)).replace(b"%", b"%%")


def _name(alias: str) -> bytes:
    return b"        " + in_bytes(quoted(alias)) + b": "


def _as_columns(outputs: Mapping[str, Array]) -> str:
    written = {alias: write(array, as_base64=_is_binary(alias)) for alias, array in outputs.items()}
    if len(written) == 1:
        return f'{{\n    "outputs": {next(iter(written.values()))}\n}}'
    fields = ",\n".join(f"        {quoted(alias)}: {text}" for alias, text in written.items())
    return f'{{\n    "outputs": {{\n{fields}\n    }}\n}}'


def _row_count(outputs: Mapping[str, Array]) -> int:
    count: int | None = None
    for alias, array in outputs.items():
        if array.ndim == 0:
            raise InvalidInputError(f"Tensor name: {alias} has no shape information")
        if count is not None and len(array) != count:
            raise InvalidInputError(
                f"Tensor name: {alias} has inconsistent batch size: {len(array)} expecting: {count}"
            )
        count = len(array)
    return count or 0


def _is_binary(alias: str) -> bool:
    return alias.endswith("_bytes")
