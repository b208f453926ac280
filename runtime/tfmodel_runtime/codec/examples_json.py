"""Classify and regress over REST: JSON objects as tf.Examples, results as JSON (contract section 4; json_tensor.cc)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmodel.wire import messages
from tfmodel_runtime.codec.json_text import excerpt, parse, quoted, type_name, write
from tfmodel_runtime.codec.json_values import as_bytes, decoded_base64, is_base64
from tfmodel_runtime.codec.tfserving_json import signature_name
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError

_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)


@dataclass(frozen=True, slots=True)
class Request:
    """A body: the signature it names, serialized tf.Examples, and a context that stands before each."""

    signature_name: str
    examples: list[bytes]
    context: bytes


def read(body: bytes) -> Request:
    """The request in a body.

    Raises:
        InvalidInputError: it is no JSON object, or what it holds are no examples.
    """
    root = parse(body)
    name = signature_name(root)
    context = _example(root["context"]) if "context" in root else b""
    return Request(name, [_example(one) for one in _examples(root)], context)


def _examples(root: Mapping[str, Any]) -> list[Any]:
    if "examples" not in root:
        raise _misformed(root, "When method is classify, key 'examples' is expected and was not found")
    examples = root["examples"]
    if not isinstance(examples, list):
        raise _misformed(root, "Expecting 'examples' value to be an list/array")
    if not examples:
        raise _misformed(root, "'examples' value is an empty array")
    return examples


def _misformed(root: Mapping[str, Any], told: str) -> InvalidInputError:
    return InvalidInputError(f"JSON Value: {excerpt(root)} {told}")


def _example(value: Any) -> bytes:
    if not isinstance(value, dict):
        raise InvalidInputError(f"Example must be JSON object but got JSON {type_name(value)}")
    example = messages.Example()
    for name, content in value.items():
        _fill(example.features.feature[as_bytes(name).decode("utf-8", errors="replace")], name, content)
    serialized: bytes = example.SerializeToString(deterministic=True)
    return serialized


def _fill(feature: Any, name: str, content: Any) -> None:
    """A feature's values. Its kind is that of the tokens, and one kind for all: integers, numbers with a point, or strings."""
    values = content if isinstance(content, list) else [content]
    kinds = [_kind(name, value) for value in values]
    for kind in kinds:
        if kind != kinds[0]:
            raise InvalidInputError(f"Unexpected element type in feature: {name} expecting type: {kinds[0]}")
    if not values:
        return
    if kinds[0] == "int64":
        feature.int64_list.value.extend([_integer(name, value) for value in values])
    elif kinds[0] == "float":
        with np.errstate(over="ignore"):
            feature.float_list.value.extend(np.array(values, np.float64).astype(np.float32).tolist())
    else:
        feature.bytes_list.value.extend(
            as_bytes(value) if isinstance(value, str) else decoded_base64(value) for value in values
        )


def _kind(name: str, value: Any) -> str:
    if isinstance(value, str) or is_base64(value):
        return "bytes"
    if isinstance(value, bool) or (isinstance(value, int) and (value in _INT64 or value in _UINT64)):
        return "int64"
    if isinstance(value, int | float):
        return "float"
    raise InvalidInputError(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")


def _integer(name: str, value: int) -> int:
    if value not in _INT64:
        raise InvalidInputError(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
    return int(value)


def classifications(rows: Iterable[Iterable[tuple[bytes, float]]]) -> bytes:
    """The answer to classify: for each example a list of [label, score]."""
    return _results(
        "[" + ", ".join(f"[{_label(label)}, {_number(score)}]" for label, score in row) + "]" for row in rows
    )


def regressions(values: Array) -> bytes:
    """The answer to regress: a number for each example."""
    return _results(_number(value) for value in values)


def _label(label: bytes) -> str:
    return quoted(label.decode("utf-8", errors="surrogateescape"))


def _number(value: float) -> str:
    return write(np.array(value, np.float32))


def _results(texts: Iterable[str]) -> bytes:
    return f'{{\n    "results": [{", ".join(texts)}]\n}}'.encode("utf-8", errors="surrogateescape")
