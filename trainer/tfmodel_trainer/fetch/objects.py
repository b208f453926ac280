"""Files from S3, Google Cloud Storage or Azure: one object, or all below a folder."""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, S3Store

from tfmodel.api.reasons import FailureReason
from tfmodel.contract import FetchRequest
from tfmodel_trainer.errors import ExportError
from tfmodel_trainer.fetch import archives, settings, uris
from tfmodel_trainer.fetch.limits import Budget

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 8 << 20
_CODE = re.compile(r"<Code>(\w+)</Code>")
_REFUSALS = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AccessDenied",
    "InvalidToken",
    "ExpiredToken",
    "XAdminUserNotFound",
)
"""The last one is how versitygw, with status 404, calls an unknown key."""
_Store = S3Store | GCSStore | AzureStore


def fetch(
    request: FetchRequest,
    target: Path,
    budget: Budget,
    environment: Mapping[str, str],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Fetches the object, or every object below the folder, into the folder `target`.

    Raises:
        ExportError: there is nothing, it is refused, too large, or did not come.
    """
    place = uris.parse(request.uri)
    try:
        store = _store(place, request, environment)
        listed = list(_listed(store, place, budget))
        if not listed:
            text = f"there is nothing at {request.uri}"
            raise ExportError(FailureReason.SOURCE_NOT_FOUND, text, "correct the path in source.uri")
        _check_one(request, place, listed)
        for path, size, tag in listed:
            budget.check_size(size)
            name = path.removeprefix(place.path).lstrip("/") or place.name
            file = target / archives.member_path(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            _Object(store, path, size, tag).into(file, request, budget, sleep)
    except (BaseError, ValueError) as error:
        raise _failure(request, place, error, environment) from error


def _store(place: uris.Location, request: FetchRequest, environment: Mapping[str, str]) -> _Store:
    options: dict[str, Any] = {"timeout": timedelta(seconds=request.stall_seconds), "connect_timeout": "10s"}
    if request.ca_file:
        options["root_certificate"] = Path(request.ca_file).read_bytes()
    wait = timedelta(seconds=request.first_wait_seconds)
    retry: Any = {"max_retries": request.attempts - 1, "backoff": {"init_backoff": wait}}
    config: Any = {"s3": settings.of_s3, "gs": settings.of_gs, "az": settings.of_az}[place.scheme](environment)
    if str(config.get("endpoint", "")).startswith("http://"):
        options["allow_http"] = True
    client: Any = options
    if place.scheme == "s3":
        return S3Store(place.host, config=config, client_options=client, retry_config=retry)
    if place.scheme == "gs":
        return GCSStore(place.host, config=config, client_options=client, retry_config=retry)
    return AzureStore(place.host, config=config, client_options=client, retry_config=retry)


def _listed(store: _Store, place: uris.Location, budget: Budget) -> Iterator[tuple[str, int, str | None]]:
    """Path, size and ETag of what is there: the object of that very name, else all below it."""
    path = place.path.strip("/")
    if path and not place.path.endswith("/"):
        try:
            found = obstore.head(store, path)
        except (NotFoundError, FileNotFoundError):
            pass
        else:
            yield path, found["size"], found["e_tag"]
            return
    for batch in obstore.list(store, prefix=path or None):
        for entry in batch:
            budget.seconds_left()
            if not entry["path"].endswith("/"):
                budget.take_file()
                yield entry["path"], entry["size"], entry["e_tag"]


def _check_one(request: FetchRequest, place: uris.Location, listed: list[tuple[str, int, str | None]]) -> None:
    if request.sha256 and [path for path, _, _ in listed] != [place.path.strip("/")]:
        text = f"{request.uri} is a folder, which has no sha256 of its own"
        raise ExportError(FailureReason.CHECKSUM_MISMATCH, text, "leave source.sha256 out, or name an archive")


class _Object:
    """One object: its bytes are asked for by ranges of one version of it, so that what broke off goes on."""

    def __init__(self, store: _Store, path: str, size: int, tag: str | None) -> None:
        self._store = store
        self._path = path
        self._size = size
        self._tag = tag

    def into(self, file: Path, request: FetchRequest, budget: Budget, sleep: Callable[[float], None]) -> None:
        """Writes the object into a file."""
        with file.open("xb") as opened:
            at = 0
            while at < self._size:
                chunk = self._chunk(at, request, budget, sleep)
                budget.take(len(chunk))
                opened.write(chunk)
                at += len(chunk)

    def _chunk(self, at: int, request: FetchRequest, budget: Budget, sleep: Callable[[float], None]) -> bytes:
        options: Any = {"range": (at, min(at + _CHUNK_BYTES, self._size))}
        if self._tag:
            options["if_match"] = self._tag
        for attempt in range(1, request.attempts + 1):
            try:
                found = bytes(obstore.get(self._store, self._path, options=options).bytes())
            except (NotFoundError, PermissionDeniedError, UnauthenticatedError):
                raise
            except BaseError as error:
                if attempt == request.attempts:
                    raise
                wait = min(request.first_wait_seconds * 2 ** (attempt - 1), budget.seconds_left())
                _log.warning("attempt %d: %s; again in %.1f s from byte %d", attempt, type(error).__name__, wait, at)
                sleep(wait)
            else:
                return found
        raise AssertionError("unreachable: the last attempt returns or raises")


def _failure(
    request: FetchRequest, place: uris.Location, error: Exception, environment: Mapping[str, str]
) -> ExportError:
    told = settings.masked(str(error).split("Debug source", 1)[0].strip(), settings.secrets(environment))
    told = f"{request.uri}: {' '.join(told.split())[:400]}"
    names = settings.NAMES[place.scheme]
    codes = _CODE.findall(str(error))
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or any(code in _REFUSALS for code in codes):
        return ExportError(FailureReason.STORAGE_AUTH_FAILED, told, f"set {names} in the Secret of source.secretRef")
    if isinstance(error, NotFoundError | FileNotFoundError) or "NoSuchBucket" in codes:
        return ExportError(FailureReason.SOURCE_NOT_FOUND, told, "correct the bucket and the path in source.uri")
    if isinstance(error, ValueError):
        return ExportError(
            FailureReason.STORAGE_AUTH_FAILED, told, f"correct {names} in the Secret of source.secretRef"
        )
    right = "AWS_ENDPOINT_URL and AWS_REGION" if place.scheme == "s3" else names
    hint = f"see whether the storage is in reach of the cluster's pods, and {right} right"
    return ExportError(FailureReason.DOWNLOAD_FAILED, told, hint, is_retriable=True)
