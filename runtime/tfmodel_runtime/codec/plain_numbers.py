"""Bodies that hold nothing but numbers in lists, read straight into a buffer.

simdjson writes the numbers of nested lists into one flat buffer and forgets the lists, so that ragged ones would pass. What tells
the shape is the skeleton of a body: all its bytes but those of numbers and space. Two documents of one skeleton have the same
lists with the same number of places in them; if as many numbers are there as the shape has places, every place is filled. So the
shape of a skeleton is learned from a document that was read the careful way, and holds for all that follow. Clients send the same
shape again and again. Whatever is not known, or is refused here, goes the careful way, which also finds the words for errors.
"""

import threading
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
import simdjson

from tfmodel_runtime.engine.tensors import Array

_OF_NUMBERS = b"0123456789.eE+- \t\r\n"
_MOST_BYTES = 4 * 2**20
Form = Literal["row", "columnar"]
_KEYS: dict[str, Form] = {"instances": "row", "inputs": "columnar"}


@dataclass(slots=True)
class Plain:
    """Numbers of one shape, as doubles, [prod(shape)]."""

    form: Form
    shape: tuple[int, ...]
    signature_name: Any
    """As the body has it; None if it has none."""
    values: Array


@dataclass(frozen=True, slots=True)
class _Layout:
    key: str
    shape: tuple[int, ...]
    is_named: bool


class _Parsers(threading.local):
    def __init__(self) -> None:
        self.mine = simdjson.Parser()


_parsers = _Parsers()
_layouts: dict[bytes, _Layout] = {}
_held_bytes = 0


def skeleton(body: bytes) -> bytes:
    """All of a body but numbers and space."""
    return body.translate(None, _OF_NUMBERS)


def read(body: bytes) -> Plain | None:
    """The numbers of a body whose skeleton is known; None if it must be read with care."""
    layout = _layouts.get(skeleton(body))
    if layout is None:
        return None
    try:
        document: Any = _parsers.mine.parse(body)
        name = document["signature_name"] if layout.is_named else None
        buffer = document[layout.key].as_buffer(of_type="d")
    except (ValueError, TypeError, KeyError, RuntimeError, AttributeError):
        _parsers.mine = simdjson.Parser()  # one that failed stays in use
        return None
    values = np.frombuffer(buffer, np.float64)
    if values.size != prod(layout.shape):
        return None
    return Plain(_KEYS[layout.key], layout.shape, name, values)


def whole(body: bytes, plain: Plain) -> Array | None:
    """The same numbers as whole ones of 64 bits; None if one is none."""
    key = "instances" if plain.form == "row" else "inputs"
    try:
        document: Any = _parsers.mine.parse(body)
        buffer = document[key].as_buffer(of_type="i")
    except (ValueError, TypeError, KeyError, RuntimeError):
        _parsers.mine = simdjson.Parser()
        return None
    return np.frombuffer(buffer, np.int64)


def learn(body: bytes, root: Any, shape: tuple[int, ...]) -> None:
    """Keeps the shape of the numbers that a body was found to hold."""
    global _held_bytes  # noqa: PLW0603 - what is known is known to the whole process
    key = next((key for key in _KEYS if key in root), None)
    is_named = "signature_name" in root
    if key is None or not isinstance(root[key], list) or len(root) != 1 + is_named or not prod(shape):
        return
    found = skeleton(body)
    if len(found) > _MOST_BYTES // 4:
        return
    if _held_bytes + len(found) > _MOST_BYTES:
        _layouts.clear()
        _held_bytes = 0
    if found not in _layouts:
        _held_bytes += len(found)
        _layouts[found] = _Layout(key, shape, is_named)
