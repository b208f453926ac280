"""What all gRPC methods share: causes become status codes, deadlines are read, texts are cut to what a trailer holds.

A client that comes too early is told when to try again (gRPC's retry design, A6).
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from tfmodel_runtime.errors import RuntimeFault
from tfmodel_runtime.statuses import Code, code_of

_log = logging.getLogger(__name__)
_MOST_TEXT_BYTES = 1024
_BUSY = (Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED)
_COME_AGAIN = (("grpc-retry-pushback-ms", "1000"),)
_CODES = {code.value[0]: code for code in grpc.StatusCode}

Method = Callable[[Any, Any], Awaitable[Any]]


def told(text: str) -> str:
    """A text as TensorFlow Serving sends it: at most 1024 bytes and a mark (grpc_status_util.cc)."""
    encoded = text.encode("utf-8", errors="replace")
    if len(encoded) <= _MOST_TEXT_BYTES:
        return text
    return encoded[:_MOST_TEXT_BYTES].decode("utf-8", errors="ignore") + "...TRUNCATED"


def unary(method: Method, request_type: Any) -> Any:
    """A method handler whose causes are sent as status codes."""

    async def answer(request: Any, context: Any) -> Any:
        try:
            return await method(request, context)
        except RuntimeFault as fault:
            code = code_of(fault)
            metadata = _COME_AGAIN if code in _BUSY else ()
            await context.abort(_CODES[int(code)], told(str(fault)), metadata)
        except grpc.aio.AbortError:
            raise
        except Exception:  # noqa: BLE001 - the rim: whatever it is, the client gets an answer and the log the cause
            _log.exception("a call failed in a way that was not foreseen")
            await context.abort(_CODES[int(Code.INTERNAL)], "internal error: see the server's log")

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=request_type.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )


def remaining_seconds(context: Any) -> float | None:
    """Seconds until the client's deadline; None if it set none."""
    remaining: float | None = context.time_remaining()
    return remaining
