"""A file from a web server: resumed where it broke off, within limits, without following a redirect to where it must not go."""

import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, SSLError

from tfmodel.api.reasons import FailureReason
from tfmodel.contract import FetchRequest
from tfmodel_trainer.errors import ExportError
from tfmodel_trainer.fetch import settings, uris
from tfmodel_trainer.fetch.limits import Budget

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 1 << 16
_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_RETRIABLE = (408, 425, 429, 500, 502, 503, 504)
_METADATA = (ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200"))


class _Interrupted(Exception):  # noqa: N818 - no error: the next attempt goes on
    """The connection broke off, or the server asked to come again."""


def is_forbidden(address: str) -> bool:
    """Whether an address is link-local or a cloud's metadata service, which no model comes from."""
    found = ipaddress.ip_address(address.split("%", 1)[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_link_local or found in _METADATA or mapped in _METADATA


def _checked(connected: socket.socket) -> socket.socket:
    """Looks at the address that the connection really has: a name may mean another one a moment later."""
    address = str(connected.getpeername()[0])
    try:
        _check_forbidden(address)
    except ExportError:
        connected.close()
        raise
    return connected


class _Plain(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _Secure(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Secure


@dataclass(slots=True)
class _Part:
    """What is there of the file."""

    file: IO[bytes]
    size: int = 0
    validator: str = ""
    """ETag or Last-Modified of what was begun: a part of another file is of no use."""


def fetch(
    request: FetchRequest,
    target: Path,
    budget: Budget,
    environment: Mapping[str, str],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Fetches the file into `target`.

    Raises:
        ExportError: it is not there, refused, too large, or did not come.
    """
    client = _client(request)
    headers = settings.of_web(environment)
    with target.open("wb") as file:
        part = _Part(file)
        for attempt in range(1, request.attempts + 1):
            try:
                _attempt(client, request, part, headers, budget)
            except (_Interrupted, HTTPError, OSError) as error:
                told = _told(error)
                if attempt == request.attempts or isinstance(error, SSLError):
                    raise _failed(request, told) from error
                wait = min(request.first_wait_seconds * 2 ** (attempt - 1), budget.seconds_left())
                _log.warning("attempt %d: %s; again in %.1f s from byte %d", attempt, told, wait, part.size)
                sleep(wait)
            else:
                return


def _client(request: FetchRequest) -> urllib3.PoolManager:
    context = ssl.create_default_context()
    if request.ca_file:
        context.load_verify_locations(cafile=request.ca_file)
    timeout = urllib3.Timeout(connect=min(30.0, request.stall_seconds), read=request.stall_seconds)
    client = urllib3.PoolManager(ssl_context=context, timeout=timeout, retries=False)
    client.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
    return client


def _attempt(
    client: urllib3.PoolManager, request: FetchRequest, part: _Part, headers: Mapping[str, str], budget: Budget
) -> None:
    answer = _answer(client, request.uri, {**headers, **_range_of(part)}, budget)
    try:
        _begin(answer, request, part, budget)
        while chunk := answer.read1(_CHUNK_BYTES, decode_content=False):
            budget.take(len(chunk))
            part.file.write(chunk)
            part.size += len(chunk)
    finally:
        answer.close()


def _range_of(part: _Part) -> dict[str, str]:
    wanted = {"Accept-Encoding": "identity"}
    if part.size and part.validator:
        wanted |= {"Range": f"bytes={part.size}-", "If-Range": part.validator}
    return wanted


def _answer(client: urllib3.PoolManager, uri: str, headers: dict[str, str], budget: Budget) -> urllib3.BaseHTTPResponse:
    """The answer after redirects. Credentials stay with the host that they are meant for."""
    for _ in range(_MOST_REDIRECTS + 1):
        budget.seconds_left()
        _check_address(uri)
        answer = client.request("GET", uri, headers=headers, redirect=False, preload_content=False)
        location = answer.headers.get("Location")
        if answer.status not in _REDIRECTS or not location:
            return answer
        answer.close()
        uri, before = urljoin(uri, location), uri
        _check_redirect(before, uri)
        if urlsplit(before)[:2] != urlsplit(uri)[:2]:
            headers = {name: value for name, value in headers.items() if name != "Authorization"}
    raise _refused(f"the server sent the request on more than {_MOST_REDIRECTS} times")


def _check_address(uri: str) -> None:
    """Raises if the host is known to be where no model is; the connection itself is looked at again."""
    parts = urlsplit(uri)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or parts.scheme, type=socket.SOCK_STREAM)
    except OSError:
        return  # the connection will tell it
    for entry in found:
        _check_forbidden(str(entry[4][0]))


def _check_forbidden(address: str) -> None:
    if is_forbidden(address):
        raise _refused(f"the server's address is {address}, which is link-local or a cloud's metadata service")


def _check_redirect(before: str, after: str) -> None:
    """Raises if the one must not lead to the other."""
    schemes = (urlsplit(before).scheme, urlsplit(after).scheme)
    if schemes[1] not in ("http", "https"):
        raise _refused(f"the server sent the request on to a {schemes[1] or 'nameless'} address")
    if schemes == ("https", "http"):
        raise _refused("the server sent the request on from https to http")


def _begin(answer: urllib3.BaseHTTPResponse, request: FetchRequest, part: _Part, budget: Budget) -> None:
    """Looks at status and headers; makes the part ready for the bytes that follow."""
    if answer.status in _RETRIABLE:
        raise _Interrupted(f"the server answers {answer.status}")
    if answer.status == 416 or (answer.status == 206 and _first_byte(answer) != part.size):
        _start_anew(part, budget)
        raise _Interrupted("the server does not go on where it broke off")
    if answer.status not in (200, 206):
        raise _status_error(request, answer.status)
    if answer.status == 200:
        _start_anew(part, budget)
        tag = answer.headers.get("ETag", "")
        part.validator = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal():
        budget.check_size(int(length))


def _first_byte(answer: urllib3.BaseHTTPResponse) -> int:
    told = answer.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
    return int(told) if told.isdecimal() else -1


def _start_anew(part: _Part, budget: Budget) -> None:
    budget.give_back(part.size)
    part.file.seek(0)
    part.file.truncate()
    part.size = 0


def _status_error(request: FetchRequest, status: int) -> ExportError:
    told = f"{uris.shown(request.uri)}: the server answers {status}"
    if status in (401, 403, 407):
        names = settings.NAMES[uris.parse(request.uri).scheme]
        return ExportError(FailureReason.STORAGE_AUTH_FAILED, told, f"set {names} in the Secret of secretRef")
    if status in (404, 410):
        return ExportError(FailureReason.SOURCE_NOT_FOUND, told, "correct the path in source.uri")
    return ExportError(FailureReason.DOWNLOAD_FAILED, told, "see that the server gives the file to a plain GET")


def _told(error: Exception) -> str:
    """What happened, without the pool's own words, which may hold the query of the URI."""
    if isinstance(error, _Interrupted):
        return str(error)
    if isinstance(error, SSLError):
        return f"the server's certificate is not trusted: {error}"
    kind = type(error).__name__
    return {"IncompleteRead": "the connection broke off", "ProtocolError": "the connection broke off"}.get(kind, kind)


def _failed(request: FetchRequest, told: str) -> ExportError:
    hint = "see whether the server is in reach of the cluster's pods, and its certificate known (caBundleRef)"
    text = f"{uris.shown(request.uri)}: {told}"
    return ExportError(FailureReason.DOWNLOAD_FAILED, text, hint, is_retriable=True)


def _refused(told: str) -> ExportError:
    return ExportError(FailureReason.DOWNLOAD_REFUSED, told, "name the address where the file really is in source.uri")
