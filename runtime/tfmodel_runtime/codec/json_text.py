"""The JSON dialect of TensorFlow Serving's REST API, read and written (contract: RapidJSON with NaN and Infinity accepted).

Reading tries orjson first. What it refuses but the dialect allows (NaN, Infinity, numbers beyond 64 bits, bytes after the root)
is read by the standard library; what that refuses too is an error.
"""

import json
import math
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError

_BOM = b"\xef\xbb\xbf"


def _refuse_overflow(token: str) -> float:
    value = float(token)
    if math.isinf(value):
        raise InvalidInputError(f"JSON Parse error: Number too big to be stored in double: {token[:64]}")
    return value


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


_CONSTANTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_TOLERANT = json.JSONDecoder(
    parse_float=_refuse_overflow, parse_constant=_CONSTANTS.__getitem__, object_pairs_hook=_first_wins, strict=True
)


def parse(body: bytes) -> dict[str, Any]:
    """The root object of a request.

    Raises:
        InvalidInputError: the body is not JSON, or its root is no object.
    """
    text = body.removeprefix(_BOM)
    if not text.strip():
        raise InvalidInputError("JSON Parse error: The document is empty")
    try:
        root = orjson.loads(text)
    except orjson.JSONDecodeError:
        root = _tolerant(text)
    if not isinstance(root, dict):
        raise InvalidInputError(f"JSON Value: {excerpt(root)} Is not object")
    return root


def _tolerant(body: bytes) -> Any:
    text = body.decode("utf-8", errors="surrogateescape").lstrip(" \t\r\n")
    try:
        root, _end = _TOLERANT.raw_decode(text)
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
    except ValueError as error:
        raise InvalidInputError(f"JSON Parse error: {error}") from error
    except RecursionError as error:
        raise InvalidInputError("JSON Parse error: the document is nested too deeply") from error
    return root


def excerpt(value: Any) -> str:
    """A value as JSON, cut to 256 characters, for error texts."""
    return json.dumps(value, default=str)[:256]


def write(array: Array, *, as_base64: bool = False) -> str:
    """An array as JSON, as TensorFlow Serving prints it: floats with the fewest digits that read back the same.

    Raises:
        InvalidInputError: the type has no form in JSON (half, bfloat16, complex).
    """
    return "".join(_write(array, as_base64=as_base64))


def rows(array: Array, *, as_base64: bool = False) -> list[str]:
    """Each row of an array as JSON."""
    return [write(np.asarray(row, array.dtype), as_base64=as_base64) for row in array]


def _write(array: Array, *, as_base64: bool) -> Iterator[str]:
    if array.dtype.kind in "iub" or (array.dtype.kind == "f" and array.dtype.itemsize >= 4):
        yield _numbers(array)
        return
    if array.dtype.kind != "O":
        raise InvalidInputError(f"Failed to write JSON value for tensor type: {array.dtype.name}")
    yield _texts(array.tolist(), as_base64=as_base64)


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
    return orjson.dumps(value.decode("utf-8", errors="replace")).decode()
