"""The JSON dialect of TensorFlow Serving's REST API, read and written (contract: RapidJSON with NaN and Infinity accepted).

Reading tries orjson first. What it refuses but the dialect allows (NaN, Infinity, numbers beyond 64 bits, bytes after the root)
is read by the standard library; what that refuses too (Inf, any depth), or is wrong, by `json_reader`, which says what is wrong.
"""

import json
import math
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from tfmodel.wire.dtypes import DataType, name, of_array
from tfmodel_runtime.codec.json_reader import Reader
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_BOM = b"\xef\xbb\xbf"
_MOST_QUOTED = 256
_NAMES = {str: "String", list: "Array", dict: "Object", int: "Number", float: "Number"}
_ROOT_KEYS = (b'"instances"', b'"inputs"', b'"signature_name"', b'"examples"', b'"context"')


def _refuse_overflow(token: str) -> float:
    value = float(token)
    if math.isinf(value):
        raise OverflowError(token)
    return value


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


_CONSTANTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_TOLERANT = json.JSONDecoder(
    parse_float=_refuse_overflow, parse_constant=_CONSTANTS.__getitem__, object_pairs_hook=_first_wins, strict=True
)


def parse(body: bytes) -> dict[str, Any]:
    """The root object of a request; of two equal keys the first counts, as in TensorFlow Serving.

    Raises:
        InvalidInputError: the body is not JSON, or its root is no object.
    """
    if not body:
        raise InvalidInputError("JSON Parse error: The document is empty")
    root = _read(body.removeprefix(_BOM))
    if not isinstance(root, dict):
        raise InvalidInputError(f"JSON Value: {excerpt(root)} Is not object")
    return root


def _read(text: bytes) -> Any:
    """The fastest reader that agrees with the dialect on this document."""
    if all(text.count(key) < 2 for key in _ROOT_KEYS):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
    decoded = text.decode("utf-8", errors="surrogateescape")
    if _SURROGATE.search(decoded):  # the standard library takes halves of pairs
        return Reader(decoded).root()
    try:
        root, _end = _TOLERANT.raw_decode(decoded.lstrip(" \t\r\n"))
    except (ValueError, OverflowError, RecursionError):
        return Reader(decoded).root()
    return root


def excerpt(value: Any) -> str:
    """A value as JSON, cut to 256 characters, for error texts."""
    try:
        return json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))[:_MOST_QUOTED]
    except RecursionError:
        return ("[" if isinstance(value, list) else "{") * _MOST_QUOTED


def type_name(value: Any) -> str:
    """RapidJSON's name of a value's type, for error texts."""
    if value is None or isinstance(value, bool):
        return "Null" if value is None else str(value)
    return _NAMES[type(value)]


def write(array: Array, *, as_base64: bool = False) -> str:
    """An array as JSON, as TensorFlow Serving prints it: floats with the fewest digits that read back the same.

    Raises:
        InvalidInputError: the type has no form in JSON (half, bfloat16, complex).
    """
    return "".join(_write(array, as_base64=as_base64))


def numbers(array: Array) -> bytes | None:
    """An array of finite numbers with at least one dimension as JSON, as `write` prints it; None for all others."""
    if not array.ndim or array.dtype.num not in _PRINTED or not array.flags.c_contiguous:
        return None
    text = orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY)
    return None if b"n" in text and b"null" in text else text


def rows(array: Array, *, as_base64: bool = False) -> list[bytes]:
    """Each row of an array of at least one dimension as JSON. What can be printed at once is cut where a row ends.

    Raises:
        InvalidInputError: the type has no form in JSON.
    """
    text = numbers(array) if array.size else None
    if text is None:
        return [in_bytes(write(np.asarray(row, array.dtype), as_base64=as_base64)) for row in array]
    depth = array.ndim
    opening, closing = b"[" * (depth - 1), b"]" * (depth - 1)
    found = text[depth:-depth].split(closing + b"," + opening)
    return [opening + row + closing for row in found] if opening else found


def in_bytes(text: str) -> bytes:
    """JSON as it is sent; strings that are no UTF-8 are the bytes that they were."""
    return text.encode("utf-8", errors="surrogateescape")


_WRITTEN = frozenset(
    {
        DataType.FLOAT, DataType.DOUBLE, DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64,
        DataType.UINT8, DataType.UINT32, DataType.UINT64, DataType.BOOL, DataType.STRING,
    }
)  # fmt: skip


_PRINTED = frozenset(np.dtype(kind).num for kind in ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u4", "u8"))


def _write(array: Array, *, as_base64: bool) -> Iterator[str]:
    data_type = of_array(array)
    if data_type not in _WRITTEN:
        raise InvalidInputError(f"Failed to write JSON value for tensor type: {name(data_type)}")
    if data_type is DataType.STRING:
        yield _texts(array.tolist(), as_base64=as_base64)
    else:
        yield _numbers(array)


def _numbers(array: Array) -> str:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return _with_non_finite(array)
    value = np.ascontiguousarray(array) if array.ndim else array[()]
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _with_non_finite(array: Array) -> str:
    if array.ndim:
        return f"[{','.join(_with_non_finite(part) for part in array)}]"
    value = float(array)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return _numbers(array)


def _texts(value: Any, *, as_base64: bool) -> str:
    if isinstance(value, list):
        return f"[{','.join(_texts(part, as_base64=as_base64) for part in value)}]"
    if as_base64:
        return f'{{"b64":"{b64encode(value).decode()}"}}'
    return quoted(value.decode("utf-8", errors="surrogateescape"))


def quoted(text: str) -> str:
    """A string of JSON; bytes that are no UTF-8 stay what they are, as lone surrogates."""
    try:
        return orjson.dumps(text).decode()
    except orjson.JSONEncodeError:
        return json.dumps(text, ensure_ascii=False)
