"""A request's fields, checked as RFC 9113 wants them (section 8): what is malformed ends its stream."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tfmodel_runtime.http2.header_blocks import Field

_NAME = re.compile(rb":?[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
_UNFIT_VALUE = re.compile(rb"[\x00\r\n]|^[ \t]|[ \t]$").search
_PSEUDO = frozenset({b":method", b":scheme", b":path", b":authority"})
_OF_ONE_CONNECTION = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})


class MalformedError(ValueError):
    """Fields that are no request's, or no trailers."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks. `fields` has the last value of each name; `all` has all of them in their order."""

    method: bytes
    path: bytes
    authority: bytes
    fields: dict[bytes, bytes]
    all: Sequence[Field]

    @property
    def content_length(self) -> int | None:
        """The body's length if the client tells it.

        Raises:
            MalformedError: it is no number.
        """
        told = self.fields.get(b"content-length")
        if told is None:
            return None
        if not told.isdigit():
            raise MalformedError("content-length is no number")
        return int(told[:20])


def request_of(fields: Sequence[Field]) -> Request:
    """The request that a header block makes.

    Raises:
        MalformedError: it makes none.
    """
    pseudo: dict[bytes, bytes] = {}
    regular: dict[bytes, bytes] = {}
    for name, value in fields:
        _check(name, value)
        if name[0] != 0x3A:
            regular[name] = value
        elif regular or name in pseudo or name not in _PSEUDO:
            raise MalformedError("pseudo-fields come first, each once, and no others than a request's")
        else:
            pseudo[name] = value
    method, path = pseudo.get(b":method"), pseudo.get(b":path")
    if not method or not path or not pseudo.get(b":scheme"):
        raise MalformedError("a request needs :method, :scheme and :path")
    _check_connection(regular)
    return Request(method, path, pseudo.get(b":authority", b""), regular, fields)


def check_trailers(fields: Sequence[Field]) -> None:
    """Checks the fields after a body.

    Raises:
        MalformedError: they are none, such as pseudo-fields.
    """
    for name, value in fields:
        _check(name, value)
        if name.startswith(b":"):
            raise MalformedError("a pseudo-field among trailers")


def _check(name: bytes, value: bytes) -> None:
    if not _NAME(name):
        raise MalformedError("a field's name has a character that none may have")
    if _UNFIT_VALUE(value):
        raise MalformedError("a field's value has a character that none may have")


def _check_connection(regular: dict[bytes, bytes]) -> None:
    if not _OF_ONE_CONNECTION.isdisjoint(regular):
        raise MalformedError("a field of HTTP/1's connections")
    if regular.get(b"te", b"trailers") != b"trailers":
        raise MalformedError("te may be trailers, and nothing else")
