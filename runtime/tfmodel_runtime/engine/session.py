"""Options and buffers of a session: what TensorFlow's C API takes and gives as serialized messages, freed with the block."""

import contextlib
import ctypes
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

from tfmodel.wire import messages
from tfmodel_runtime.engine.capi import Buffer, Status, library

_IN_CALLERS_THREAD = -1
_IN_SESSIONS_THREADS = 0
_JIT_ON = 2
_MOST_MILLISECONDS = 2**31 - 1


@contextlib.contextmanager
def session_options(intra_op_threads: int, inter_op_threads: int, *, is_compiled: bool = False) -> Iterator[int]:
    """TF_SessionOptions; 0 threads leaves the number to TensorFlow. `is_compiled` has XLA compile what it can."""
    found, status = library(), Status()
    made = messages.ConfigProto(
        intra_op_parallelism_threads=intra_op_threads, inter_op_parallelism_threads=inter_op_threads
    )
    if is_compiled:
        made.graph_options.optimizer_options.global_jit_level = _JIT_ON
    config = made.SerializeToString()
    options = found.TF_NewSessionOptions()
    try:
        found.TF_SetConfig(options, config, len(config), status.pointer)
        yield options
    finally:
        found.TF_DeleteSessionOptions(options)


@cache
def _unlimited() -> Any:
    """RunOptions of a run without a deadline: in the caller's thread, where it is fastest. Made once, kept for good."""
    return _buffer_of(messages.RunOptions(inter_op_thread_pool=_IN_CALLERS_THREAD))


@contextlib.contextmanager
def run_options(timeout_seconds: float | None) -> Iterator[Any]:
    """RunOptions of one run.

    TensorFlow looks at the clock only for what runs in the session's own threads (direct_session.cc), so that is where a run
    with a deadline takes place.
    """
    if timeout_seconds is None:
        yield _unlimited()
        return
    options = messages.RunOptions(
        inter_op_thread_pool=_IN_SESSIONS_THREADS, timeout_in_ms=_milliseconds(timeout_seconds)
    )
    made = _buffer_of(options)
    try:
        yield made
    finally:
        library().TF_DeleteBuffer(made)


def _buffer_of(message: Any) -> Any:
    serialized = message.SerializeToString()
    return library().TF_NewBufferFromString(serialized, len(serialized))


def _milliseconds(seconds: float) -> int:
    """At least one, since 0 means no limit to TensorFlow."""
    return max(1, math.ceil(min(seconds * 1000, _MOST_MILLISECONDS)))


@contextlib.contextmanager
def empty_buffer() -> Iterator[Any]:
    """A TF_Buffer for the library to fill."""
    made = library().TF_NewBuffer()
    try:
        yield made
    finally:
        library().TF_DeleteBuffer(made)


def content(buffer: "ctypes._Pointer[Buffer]") -> bytes:
    """What the library wrote into a TF_Buffer, copied."""
    return ctypes.string_at(buffer.contents.data, buffer.contents.length)
