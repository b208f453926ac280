"""A request's fields, checked as RFC 9113 wants them (section 8): what is malformed ends its stream."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from tfmodel_runtime.http2.header_blocks import Field

_NAME = re.compile(rb":?[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
_UNFIT_VALUE = re.compile(rb"[\x00\r\n]|^[ \t]|[ \t]$").search
_PSEUDO = frozenset({b":method", b":scheme", b":path", b":authority"})
_OF_ONE_CONNECTION = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})

_PSEUDO_ALWAYS = 3
_UNFIT_TEXT = "a field's value has a character that none may have"
_VARYING = frozenset({b"grpc-timeout", b"traceparent", b"x-request-id"})
"""Fields that clients tell anew in each request."""


class MalformedError(ValueError):
    """Fields that are no request's, or no trailers."""


class Request(NamedTuple):
    """What a client asks. `fields` has the last value of each name; `all` has all of them in their order."""

    method: bytes
    path: bytes
    authority: bytes
    fields: dict[bytes, bytes]
    all: Sequence[Field]

    def count_of(self, name: bytes) -> int:
        """How often a field comes."""
        return sum([field[0] == name for field in self.all])

    @property
    def has_each_once(self) -> bool:
        """Whether no field comes twice."""
        return len(self.fields) + _PSEUDO_ALWAYS + bool(self.authority) == len(self.all)

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


def varied(last: Request, fields: Sequence[Field]) -> Request | None:
    """The request of fields that are the last one's but for one value, as a deadline makes it; None if they differ more.

    Clients repeat themselves, and fields of a client's table are the same objects: comparing them costs less than checking anew.

    Raises:
        MalformedError: the value is none that may be.
    """
    before = last.all
    if len(fields) != len(before):
        return None
    name, value = fields[-1]
    if name in _VARYING and before[-1][0] == name and last.has_each_once and fields[:-1] == before[:-1]:
        if _UNFIT_VALUE(value):
            raise MalformedError(_UNFIT_TEXT)
        return Request(last.method, last.path, last.authority, {**last.fields, name: value}, fields)
    changed = [place for place, field in enumerate(fields) if field is not before[place]]
    if len(changed) != 1:
        return None
    name, value = fields[changed[0]]
    if name not in _VARYING or before[changed[0]][0] != name or last.count_of(name) != 1:
        return None
    _check(name, value)
    return Request(last.method, last.path, last.authority, {**last.fields, name: value}, fields)


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
        raise MalformedError(_UNFIT_TEXT)


def _check_connection(regular: dict[bytes, bytes]) -> None:
    if not _OF_ONE_CONNECTION.isdisjoint(regular):
        raise MalformedError("a field of HTTP/1's connections")
    if regular.get(b"te", b"trailers") != b"trailers":
        raise MalformedError("te may be trailers, and nothing else")
