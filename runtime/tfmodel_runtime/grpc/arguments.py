"""--grpc_channel_arguments: gRPC's names for bounds of a server. What this server cannot honour is refused by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.http2.frames import LEAST_FRAME_BYTES, MOST_FRAME_BYTES, MOST_WINDOW
from tfmodel_runtime.http2.limits import Limits

Arguments = Sequence[tuple[str, str | int]]
_WITHOUT_BOUND = 2**31 - 1
_MOST_METADATA_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of connections and of messages."""

    limits: Limits
    most_message_bytes: int


def apply(bounds: Bounds, arguments: Arguments) -> Bounds:
    """The bounds with what the arguments say.

    Raises:
        InvalidInputError: one is unknown, or its value cannot be.
    """
    for name, value in arguments:
        known = _KNOWN.get(name)
        if known is None:
            raise InvalidInputError(
                f"--grpc_channel_arguments: {name} is not honoured; expected one of {', '.join(sorted(_KNOWN))}"
            )
        least, most, use = known
        if not isinstance(value, int) or not least <= value <= most:
            raise InvalidInputError(
                f"--grpc_channel_arguments: {name}: expected a whole number from {least} to {most}, got {value}"
            )
        bounds = use(bounds, value)
    return bounds


Use = Callable[[Bounds, int], Bounds]


def _limit(name: str) -> Use:
    return lambda bounds, value: replace(bounds, limits=_replaced(bounds.limits, name, value))


def _replaced(limits: Limits, name: str, value: Any) -> Limits:
    return replace(limits, **{name: value})


def _time(name: str) -> Use:
    """A time in milliseconds, without bound at the largest number, as gRPC has it."""

    def use(bounds: Bounds, value: int) -> Bounds:
        seconds = None if value == _WITHOUT_BOUND else value / 1000
        return replace(bounds, limits=_replaced(bounds.limits, name, seconds))

    return use


def _metadata(bounds: Bounds, value: int) -> Bounds:
    limits = replace(bounds.limits, header_list_bytes=value, header_block_bytes=2 * value)
    return replace(bounds, limits=limits)


def _window(bounds: Bounds, value: int) -> Bounds:
    limits = replace(bounds.limits, stream_window=value, connection_window=min(4 * value, MOST_WINDOW))
    return replace(bounds, limits=limits)


def _message(bounds: Bounds, value: int) -> Bounds:
    return replace(bounds, most_message_bytes=_WITHOUT_BOUND if value == -1 else value)


_KNOWN: dict[str, tuple[int, int, Use]] = {
    "grpc.keepalive_time_ms": (1000, _WITHOUT_BOUND, _time("keepalive_seconds")),
    "grpc.keepalive_timeout_ms": (1, _WITHOUT_BOUND - 1, _time("keepalive_timeout_seconds")),
    "grpc.max_concurrent_streams": (1, _WITHOUT_BOUND, _limit("streams")),
    "grpc.max_connection_age_grace_ms": (0, _WITHOUT_BOUND, _time("age_grace_seconds")),
    "grpc.max_connection_age_ms": (1000, _WITHOUT_BOUND, _time("age_seconds")),
    "grpc.max_connection_idle_ms": (1000, _WITHOUT_BOUND, _time("idle_seconds")),
    "grpc.max_metadata_size": (1024, _MOST_METADATA_BYTES, _metadata),
    "grpc.max_receive_message_length": (-1, _WITHOUT_BOUND, _message),
    "grpc.http2.lookahead_bytes": (2**16, 2**28, _window),
    "grpc.http2.max_frame_size": (LEAST_FRAME_BYTES, MOST_FRAME_BYTES, _limit("frame_bytes")),
}
