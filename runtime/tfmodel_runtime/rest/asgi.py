"""What the REST APIs share: bodies are read within their limits, answers sent, causes answered with their status.

An error is {"error": "..."}, application/json without a charset.
"""

import json
import logging
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfmodel_runtime.errors import InvalidInputError, RuntimeFault
from tfmodel_runtime.statuses import http_status_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

_log = logging.getLogger(__name__)
_JSON = b"application/json"
_INTERNAL_ERROR = 500
_TOO_LARGE = 413
_WINDOW_BITS = {b"gzip": 31, b"deflate": 15}


class TooLargeError(Exception):
    """A body is larger than is allowed."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"the body is larger than {most_bytes} bytes")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes
    content_type: bytes = _JSON
    headers: Headers = ()


def refusal(status: int, text: str, headers: Headers = ()) -> Answer:
    """An error as both APIs tell it."""
    body = json.dumps({"error": text}, ensure_ascii=False).encode("utf-8", errors="replace")
    return Answer(status, body, headers=headers)


async def guarded(answering: Awaitable[Answer]) -> Answer:
    """The answer, or what is told of the cause that there is none."""
    try:
        return await answering
    except RuntimeFault as fault:
        return refusal(http_status_of(fault), str(fault))
    except TooLargeError as error:
        return refusal(_TOO_LARGE, str(error))
    except Exception:  # noqa: BLE001 - the rim: whatever it is, the client gets an answer and the log the cause
        _log.exception("a request failed in a way that was not foreseen")
        return refusal(_INTERNAL_ERROR, "internal error: see the server's log")


async def send_answer(send: Send, answer: Answer, *, closes: bool) -> None:
    """Sends an answer; `closes` ends the connection after it."""
    headers = [(b"content-type", answer.content_type), (b"content-length", str(len(answer.body)).encode())]
    headers += answer.headers
    if closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def read_body(receive: Receive, most_bytes: int) -> bytes:
    """The body as it was sent.

    Raises:
        TooLargeError: it is larger than is allowed.
    """
    parts: list[bytes] = []
    size, is_more = 0, True
    while is_more:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > most_bytes:
            raise TooLargeError(most_bytes)
        parts.append(part)
        is_more = message.get("more_body", False)
    return b"".join(parts)


def inflated(body: bytes, encoding: bytes, most_bytes: int) -> bytes:
    """A compressed body as it was before.

    Raises:
        InvalidInputError: it is not encoded so, or not whole.
        TooLargeError: it would be larger than is allowed.
    """
    bits = _WINDOW_BITS.get(encoding)
    if bits is None:
        raise InvalidInputError(f"expected content-encoding gzip or deflate, got {encoding.decode('latin-1')[:64]}")
    inflater = zlib.decompressobj(wbits=bits)
    try:
        found = inflater.decompress(body, most_bytes)
    except zlib.error as error:
        raise InvalidInputError(f"the body cannot be inflated: {error}") from error
    if inflater.unconsumed_tail:
        raise TooLargeError(most_bytes)
    if not inflater.eof:
        raise InvalidInputError("the body cannot be inflated: it is cut short")
    return found


def header(scope: Mapping[str, Any], name: bytes) -> bytes:
    """A header's value; empty if there is none."""
    return next((value for found, value in scope["headers"] if found == name), b"")


def raw_path(scope: Mapping[str, Any]) -> str:
    """The path as it stands in the request line, undecoded and without its query."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.split(b"?")[0].decode("latin-1")


def query(scope: Mapping[str, Any]) -> str:
    """The query as it stands in the request line."""
    found: bytes = scope.get("query_string", b"")
    return found.decode("latin-1")
