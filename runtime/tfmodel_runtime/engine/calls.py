"""A signature's call, prepared: which tensors go in and come out, in the arrays that TensorFlow's C API takes.

Made once for each set of inputs and outputs that is asked for; a run then makes nothing but what holds its own tensors. Any number
of threads may use one at the same time. The outcome's TF_Status is kept one a thread.
"""

import ctypes
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from tfmodel_runtime.engine import tensors
from tfmodel_runtime.engine.capi import Output, Status, library
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError, UnimplementedError

_of_this_thread = threading.local()


def _status() -> Status:
    """The thread's own; made with its first call, since the library is not opened by an import."""
    try:
        found: Status = _of_this_thread.status
    except AttributeError:
        found = _of_this_thread.status = Status()
    return found


class PreparedCall:
    """A call with these inputs, by alias in this order, and these outputs."""

    def __init__(self, inputs: Mapping[str, Output], outputs: Mapping[str, Output]) -> None:
        self.wanted = tuple(outputs)
        self._in = (Output * len(inputs))(*inputs.values())
        self._out = (Output * len(outputs))(*outputs.values())
        self._fed_type: Any = ctypes.c_void_p * len(inputs)
        self._found_type: Any = ctypes.c_void_p * len(outputs)
        self._run = library().TF_SessionRun
        self._counts = (len(inputs), len(outputs))

    def run(self, session: int, options: Any, feeds: Mapping[str, Array]) -> tuple[Status, "Sequence[Array] | None"]:
        """The outcome, and if it is OK the outputs; `feeds` come in the order of the inputs. Blocks.

        Raises:
            InvalidInputError: an array has no counterpart in TensorFlow.
            UnimplementedError: an output has a type without values, such as a resource.
        """
        fed = self._fed_type()
        found = self._found_type()
        status = _status()
        inputs, outputs = self._counts
        arrays = list(feeds.values())
        try:
            for number, array in enumerate(arrays):
                fed[number] = tensors.make(array)
            self._run(session, options, self._in, fed, inputs, self._out, found, outputs, None, 0, None, status.pointer)
            if status.code:
                return status, None
            return status, [tensors.read(pointer) for pointer in found]
        except UnicodeEncodeError as error:
            raise InvalidInputError(f"input {_alias(feeds, fed)}: a string is not valid Unicode") from error
        except (KeyError, ValueError) as error:
            raise self._without_counterpart(feeds, fed, found) from error
        finally:
            for pointer, array in zip(fed, arrays, strict=True):
                if pointer:
                    tensors.free(pointer, array)
            for pointer in found:
                if pointer:
                    library().TF_DeleteTensor(pointer)

    def _without_counterpart(self, feeds: Mapping[str, Array], fed: Any, found: Any) -> Exception:
        if not all(fed):
            alias = _alias(feeds, fed)
            return InvalidInputError(f"input {alias}: TensorFlow has no type like {feeds[alias].dtype}")
        return UnimplementedError(f"output {self._unreadable(found)} has a type without values")

    def _unreadable(self, found: Any) -> str:
        for alias, pointer in zip(self.wanted, found, strict=True):
            try:
                tensors.read(pointer)
            except (KeyError, ValueError):
                return alias
        return self.wanted[-1]


def _alias(feeds: Mapping[str, Array], fed: Any) -> str:
    """The first input of which no tensor was made."""
    return next(alias for alias, pointer in zip(feeds, fed, strict=True) if not pointer)
