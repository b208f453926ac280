"""TensorFlow Serving's BatchingParameters: the file of --batching_parameters_file, or of a version (session_bundle_config.proto)."""

import itertools
import os
from dataclasses import dataclass
from typing import Any

from google.protobuf import text_format

from tfmodel.wire import messages
from tfmodel_runtime.errors import InvalidInputError

FILE_OF_A_VERSION = "batching_params.pbtxt"
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Parameters:
    """How requests are put together. A batch holds at most `max_rows` rows and waits at most `timeout_seconds` for more."""

    max_rows: int = 1000
    timeout_seconds: float = 0.0
    max_enqueued_batches: int = 10
    threads: int = 1
    allowed_rows: tuple[int, ...] = ()
    pads: bool = False
    splits: bool = False

    def rows_to_run(self, rows: int) -> int:
        """The least allowed number of rows that holds so many."""
        return next((allowed for allowed in self.allowed_rows if allowed >= rows), rows)


def parse(text: str) -> Parameters:
    """The parameters in a text; what it leaves out has TensorFlow Serving's default.

    Raises:
        InvalidInputError: it is no text format of that message, or its values contradict each other.
    """
    try:
        found = text_format.Parse(text, messages.BatchingParameters(), descriptor_pool=messages.POOL)
    except text_format.ParseError as error:
        raise InvalidInputError(f"Error parsing text-format BatchingParameters: {error}") from error
    splits = found.enable_large_batch_splitting.value
    largest = _value(found, "max_batch_size", 1000)
    parameters = Parameters(
        max_rows=_value(found, "max_execution_batch_size", largest) if splits else largest,
        timeout_seconds=_value(found, "batch_timeout_micros", 0) / _MICROS,
        max_enqueued_batches=_value(found, "max_enqueued_batches", 10),
        threads=_value(found, "num_batch_threads", os.cpu_count() or 1),
        allowed_rows=tuple(found.allowed_batch_sizes),
        pads=found.pad_variable_length_inputs,
        splits=splits,
    )
    _check(parameters)
    return parameters


def _value(found: Any, field: str, default: int) -> int:
    return int(getattr(found, field).value) if found.HasField(field) else default


def _check(parameters: Parameters) -> None:
    for name, least, value in (
        ("max_batch_size", 1, parameters.max_rows),
        ("batch_timeout_micros", 0, parameters.timeout_seconds),
        ("max_enqueued_batches", 1, parameters.max_enqueued_batches),
        ("num_batch_threads", 1, parameters.threads),
    ):
        if value < least:
            raise InvalidInputError(f"{name} must be at least {least}")
    allowed = parameters.allowed_rows
    if not allowed:
        return
    if any(first >= second for first, second in itertools.pairwise(allowed)):
        raise InvalidInputError("allowed_batch_sizes entries must be monotonically increasing")
    if allowed[-1] != parameters.max_rows:
        raise InvalidInputError("final entry in allowed_batch_sizes must equal max_batch_size")
