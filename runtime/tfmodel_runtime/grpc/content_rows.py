"""PredictRequests that differ in nothing but the raw bytes of their one input, read and answered together: one array, no protobuf.

Where a tensor's bytes stand in a serialized message is found once, and proven by putting others there: the message must then be the same
but for these. Whatever has the same bytes around them, and as many, holds a tensor of the same type and shape in the same place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmodel.wire.dtypes import DataType, known, numpy_dtype
from tfmodel_runtime.engine.signature import Signature, TensorSpec, takes_rows
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.servables.servable import Handle

_RAW_FIELDS = {DataType.FLOAT: "float_val", DataType.DOUBLE: "double_val"}
"""Fields whose numbers stand in a message as they do in memory."""
_RAW_TYPES = frozenset(
    {
        DataType.FLOAT, DataType.DOUBLE, DataType.HALF, DataType.BFLOAT16, DataType.INT8, DataType.INT16, DataType.INT32,
        DataType.INT64, DataType.UINT8, DataType.UINT16, DataType.UINT32, DataType.UINT64,
    }
)  # fmt: skip


Answering = Callable[[Handle, Signature, Mapping[str, Array]], Any]
"""Makes the PredictResponse of a version's signature with these outputs."""


@dataclass(frozen=True, slots=True)
class Around:
    """What stands before and after the raw bytes of a message."""

    before: bytes
    after: bytes


class ContentRows:
    """How messages with the same surroundings are read and answered. Made by `like`."""

    def __init__(self, around: Around, tensor: TensorSpec, answer: Answering) -> None:
        self._around = around
        self._begin, self._end = len(around.before), -len(around.after) or None
        self._tensor = tensor
        self._shape = tensor.shape or ()
        self._dtype = numpy_dtype(tensor.data_type)
        self._answer = answer
        self._made: tuple[Any, Around | None] = (None, None)
        """The surroundings of answers, and which answers."""
        self.rows = self._shape[0]

    def admits(self, message: bytes) -> bool:
        """Whether a message of the same length has the same surroundings."""
        return message.startswith(self._around.before) and message.endswith(self._around.after)

    def fits(self, signature: Signature) -> bool:
        """Whether a signature has this one input, of this type and with rows of this very size."""
        spec = signature.inputs.get(self._tensor.alias) if len(signature.inputs) == 1 else None
        return spec is not None and spec.data_type is self._tensor.data_type and takes_rows(spec, self._shape)

    def read(self, wanted: Sequence[bytes], _signature: Signature) -> dict[str, Array]:
        """The input of all, [rows of all, ...]; the messages are admitted ones of the known length."""
        begin, end = self._begin, self._end
        values = np.frombuffer(b"".join([message[begin:end] for message in wanted]), self._dtype)
        return {self._tensor.alias: values.reshape(len(wanted) * self.rows, *self._shape[1:])}

    def write_all(
        self, outputs: Mapping[str, Array], count: int, handle: Handle, signature: Signature
    ) -> list[bytes] | None:
        """So many serialized PredictResponses, of outputs that have a row for each that was read; None if each must be made by itself."""
        around = self._around_answers(outputs, handle, signature) if len(outputs) == 1 else None
        if around is None:
            return None
        raw = next(iter(outputs.values())).tobytes()
        size = len(raw) // count
        before, after = around.before, around.after
        return [b"%b%b%b" % (before, raw[place : place + size], after) for place in range(0, len(raw), size)]

    def write(self, outputs: Mapping[str, Array], handle: Handle, signature: Signature) -> bytes:
        """One serialized PredictResponse."""
        return bytes(self._answer(handle, signature, outputs).SerializeToString())

    def _around_answers(self, outputs: Mapping[str, Array], handle: Handle, signature: Signature) -> Around | None:
        alias, array = next(iter(outputs.items()))
        made_for = (handle, alias, array.dtype, array.shape[1:])
        if self._made[0] != made_for:
            shape = (self.rows, *array.shape[1:])
            self._made = (
                made_for,
                _around_answer(lambda values: self._answer(handle, signature, values), alias, shape, array.dtype),
            )
        return self._made[1]


def like(message: bytes, request: Any, answer: Answering) -> ContentRows | None:
    """How messages like this PredictRequest are read and answered; None if its input is not one tensor in raw bytes."""
    if len(request.inputs) != 1 or request.output_filter:
        return None
    alias = next(iter(request.inputs))
    proto = request.inputs[alias]
    data_type, shape = known(proto.dtype), tuple(dim.size for dim in proto.tensor_shape.dim)
    raw = _raw(proto, data_type)
    count = int(np.prod(shape, dtype=np.int64)) if shape and min(shape) > 0 else 0
    if raw is None or not count or len(raw) != count * numpy_dtype(data_type).itemsize:
        return None
    other = _numbers(len(raw))

    def proves(found: Around) -> bool:
        changed = type(request)()
        changed.ParseFromString(found.before + other + found.after)
        if list(changed.inputs) != [alias] or _raw(changed.inputs[alias], data_type) != other:
            return False
        _put(changed.inputs[alias], data_type, raw)
        return bool(changed == request)

    around = _surroundings(message, raw, proves)
    return None if around is None else ContentRows(around, TensorSpec(alias, "", data_type, shape), answer)


def _raw(proto: Any, data_type: DataType) -> bytes | None:
    """A tensor's values as they stand in the message; None where they stand there in another form."""
    if data_type not in _RAW_TYPES:
        return None
    if proto.tensor_content:
        return bytes(proto.tensor_content)
    field = _RAW_FIELDS.get(data_type)
    return np.array(getattr(proto, field), numpy_dtype(data_type)).tobytes() if field else None


def _put(proto: Any, data_type: DataType, raw: bytes) -> None:
    if proto.tensor_content:
        proto.tensor_content = raw
    else:
        getattr(proto, _RAW_FIELDS[data_type])[:] = np.frombuffer(raw, numpy_dtype(data_type)).tolist()


def _numbers(size: int) -> bytes:
    """So many bytes that are, eight by eight and four by four, numbers of their own."""
    return np.arange(1, size // 4 + 2, dtype=np.float32).tobytes()[:size]


def _surroundings(message: bytes, raw: bytes, proves: Callable[[Around], bool]) -> Around | None:
    place = message.find(raw)
    if place < 0 or message.find(raw, place + 1) >= 0:
        return None
    found = Around(message[:place], message[place + len(raw) :])
    return found if proves(found) else None


def _around_answer(
    answer: Callable[[Mapping[str, Array]], Any], alias: str, shape: tuple[int, ...], dtype: Any
) -> Around | None:
    """What stands around the raw bytes of an output in an answer; None if it does not stand there as it does in memory."""
    count = int(np.prod(shape, dtype=np.int64))
    if not count or dtype.kind not in "fiuV":
        return None
    one, two = (
        np.frombuffer(_numbers(count * dtype.itemsize + shift)[shift:], dtype).reshape(shape)
        for shift in (0, dtype.itemsize)
    )
    message = answer({alias: one}).SerializeToString()
    return _surroundings(
        message,
        one.tobytes(),
        lambda found: found.before + two.tobytes() + found.after == answer({alias: two}).SerializeToString(),
    )
