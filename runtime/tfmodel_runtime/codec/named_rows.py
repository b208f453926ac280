"""Bodies of predict requests that name their inputs and differ in nothing but their numbers, read and answered together.

    {"instances": [{"length": 5.1, "width": 3.3}]}

Where each number of such a body belongs is found by the reader that reads all others: it is given the body with its numbers replaced by
their ordinals. What stands between the numbers has to be the same in all of a kind, but for space.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.codec import tfserving_json
from tfmodel_runtime.codec.json_rows import JsonRows
from tfmodel_runtime.codec.json_values import FLOATS, to_type
from tfmodel_runtime.codec.plain_numbers import Form
from tfmodel_runtime.engine.signature import Signature, takes_rows
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import RuntimeFault

_MOST_NUMBERS = 32
_MOST_BYTES = 2048
HELD_BYTES = 2**16
"""About what one kind takes. Making it takes some 4 ms at most, in the event loop: hence the bounds above."""
_TOKEN = re.compile(
    rb'(?P<space>[ \t\r\n]+)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?[0-9][-+.0-9eE]*)|(?P<mark>[][{}:,])'
)
_SPACE = rb"[ \t\r\n]*"
_FLOAT = rb"([-+.0-9eE]+)"
_WHOLE = {DataType.INT32: rb"(-?[0-9]{1,9})", DataType.INT64: rb"(-?[0-9]{1,15})"}
"""Whole numbers that a double holds, and the type too."""


class NamedRows(JsonRows):
    """How bodies of one kind are read and answered. Made by `like`.

    `places` tells for each input where its numbers stand among all, [rows, ...].
    """

    def __init__(
        self, pattern: re.Pattern[bytes], form: Form, types: Mapping[str, DataType], places: Mapping[str, Array]
    ) -> None:
        super().__init__(form)
        self._pattern = pattern
        self._types = types
        self._places = places
        self.rows = len(next(iter(places.values())))

    def fits(self, signature: Signature) -> bool:
        """Whether a signature takes them: the same inputs of the same types, whose rows have the very size of these."""
        return {alias: spec.data_type for alias, spec in signature.inputs.items()} == self._types and all(
            takes_rows(spec, self._places[alias].shape) for alias, spec in signature.inputs.items()
        )

    def admits(self, body: bytes) -> bool:
        """Whether a body is one of these, but for numbers that are none."""
        return self._pattern.fullmatch(body) is not None

    def read(self, bodies: Sequence[bytes], _signature: Signature) -> dict[str, Array] | None:
        """The inputs, [rows of all, ...], in the order of the bodies; None if one is not what it seems."""
        found = [self._pattern.fullmatch(body) for body in bodies]
        numbers = b",".join([b",".join(one.groups()) for one in found if one is not None])
        values = self.doubles(b"[%b]" % numbers)
        if values is None or values.size != len(bodies) * self._pattern.groups:
            return None
        values = values.reshape(len(bodies), -1)
        return {
            alias: to_type(values[:, places], self._types[alias]).reshape(len(bodies) * self.rows, *places.shape[1:])
            for alias, places in self._places.items()
        }


def may_be(body: bytes, signature: Signature) -> bool:
    """Whether to ask `like` about a body that the signature took: it is short, and names inputs that are numbers."""
    return (
        len(body) <= _MOST_BYTES
        and (len(signature.inputs) > 1 or body.find(b"{", 1) > 0)
        and all(spec.data_type in FLOATS or spec.data_type in _WHOLE for spec in signature.inputs.values())
    )


def like(body: bytes, form: Form, signature: Signature) -> NamedRows | None:
    """How bodies like this one, which the signature takes, are read and answered; None if they hold more than few numbers."""
    tokens = _tokens(body)
    count = sum(kind == "number" for kind, _ in tokens)
    types = {alias: spec.data_type for alias, spec in signature.inputs.items()}
    if not (may_be(body, signature) and 0 < count <= _MOST_NUMBERS):
        return None
    places = _places(tokens, signature)
    if places is None or sorted(place for found in places.values() for place in found.flat) != list(range(count)):
        return None
    if len({len(found) for found in places.values()}) != 1:
        return None
    owners = {place: types[alias] for alias, found in places.items() for place in found.flat}
    pattern = re.compile(_pattern(tokens, [_WHOLE.get(owners[number], _FLOAT) for number in range(count)]))
    found = NamedRows(pattern, form, types, places)
    return found if found.admits(body) else None


def _tokens(body: bytes) -> list[tuple[str, bytes]]:
    """The tokens of a body without space; none if there is anything but names, numbers and marks."""
    found, end = [], 0
    while end < len(body):
        token = _TOKEN.match(body, end)
        if token is None:
            return []
        end = token.end()
        if token.lastgroup != "space":
            found.append((token.lastgroup or "", token[0]))
    return found


def _places(tokens: Iterable[tuple[str, bytes]], signature: Signature) -> dict[str, Array] | None:
    """For each input the ordinals of its numbers, [rows, ...]; None if the signature does not take them."""
    numbered, count = [], 0
    for kind, text in tokens:
        numbered.append(b"%d" % count if kind == "number" else text)
        count += kind == "number"
    try:
        found = tfserving_json.feeds(tfserving_json.read(b"".join(numbered)), signature)
    except RuntimeFault:
        return None
    return (
        {alias: array.astype(np.intp) for alias, array in found.items()}
        if all(a.ndim for a in found.values())
        else None
    )


def _pattern(tokens: Iterable[tuple[str, bytes]], numbers: Iterable[bytes]) -> bytes:
    left = iter(numbers)
    return _SPACE + _SPACE.join(next(left) if kind == "number" else re.escape(text) for kind, text in tokens) + _SPACE
