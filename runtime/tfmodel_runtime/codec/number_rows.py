"""Bodies of predict requests that differ in nothing but their numbers, read and answered together: one parse, one text.

A body is such a one if what stands before and after its lists is what stands there in a body that was read before, and its skeleton
(`plain_numbers`) is the same. Then its lists have the known shape if every place holds a number, which the parser and a count tell.
Lists that are balanced each can be read as parts of one list without one being taken for a part of another.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from tfmodel_runtime.codec.json_rows import JsonRows
from tfmodel_runtime.codec.json_values import FLOATS, to_type
from tfmodel_runtime.codec.plain_numbers import Form, Plain, skeleton
from tfmodel_runtime.engine.signature import Signature, takes_rows
from tfmodel_runtime.engine.tensors import Array


class NumberRows(JsonRows):
    """How bodies of one kind are read and answered. Made by `like`."""

    def __init__(self, begin: int, suffix: bytes, form: Form, shape: tuple[int, ...]) -> None:
        super().__init__(form)
        self._begin = begin
        self._suffix = suffix
        self._shape = shape
        self.rows = shape[0]

    def fits(self, signature: Signature) -> bool:
        """Whether a signature takes them: one input of floats, whose rows have the very size of these."""
        spec = next(iter(signature.inputs.values())) if len(signature.inputs) == 1 else None
        return spec is not None and spec.data_type in FLOATS and takes_rows(spec, self._shape)

    def admits(self, body: bytes) -> bool:
        """Whether a body of the same kind ends as these do."""
        return body.endswith(self._suffix)

    def read(self, bodies: Sequence[bytes], signature: Signature) -> dict[str, Array] | None:
        """The inputs of a signature that they fit, [rows of all, ...], in the order of the bodies; None if one is not what it seems."""
        begin, end = self._begin, -len(self._suffix)
        values = self.doubles(b"[%b]" % b",".join([body[begin:end] for body in bodies]))
        if values is None or values.size != len(bodies) * prod(self._shape):
            return None
        alias, spec = next(iter(signature.inputs.items()))
        return {alias: to_type(values, spec.data_type).reshape(len(bodies) * self.rows, *self._shape[1:])}


def kind(body: bytes) -> bytes:
    """What bodies have in common that one `NumberRows` reads: what stands before their lists, and their skeleton."""
    return b"%b\0%b" % (body[: body.find(b"[")], skeleton(body))


def like(body: bytes, plain: Plain) -> NumberRows | None:
    """How bodies like this one, which was read, are read and answered; None if it is more than lists of numbers."""
    begin, end = body.find(b"["), body.rfind(b"]") + 1
    if not 0 < begin < end < len(body) or b'"' in body[begin:end]:
        return None
    found = NumberRows(begin, body[end:], plain.form, plain.shape)
    alone = found.doubles(body[begin:end])
    return found if alone is not None and np.array_equal(alone, plain.values) else None
