"""The fetch step from its request to a folder: fetch, check, unpack, and then the folder appears at once."""

import hashlib
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

from tfmodel.api.reasons import FailureReason
from tfmodel.contract import FetchRequest
from tfmodel_trainer.errors import ExportError
from tfmodel_trainer.fetch import archives, objects, uris, web
from tfmodel_trainer.fetch.limits import Budget

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 1 << 20


def fetch(request: FetchRequest, environment: Mapping[str, str]) -> None:
    """Brings what the URI names into the target folder, which is not there, or empty, before and whole after.

    Raises:
        ExportError: it cannot be fetched, or is not what was asked for.
    """
    target = Path(request.target)
    staging = target.with_name(f".{target.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        folder = _fetched(request, staging, environment)
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    _log.info("fetched %s", uris.shown(request.uri))


def _fetched(request: FetchRequest, staging: Path, environment: Mapping[str, str]) -> Path:
    """The folder, inside `staging`, that holds the model."""
    place, budget = uris.parse(request.uri), Budget(request)
    arrived = staging / "arrived"
    arrived.mkdir()
    _log.info("fetching %s", uris.shown(request.uri))
    if place.is_object:
        objects.fetch(request, arrived, budget, environment)
    else:
        web.fetch(request, arrived / archives.member_path(place.name), budget, environment)
    files = [path for path in arrived.rglob("*") if path.is_file()]
    if request.sha256:
        _check(files[0], request)
    if len(files) == 1 and archives.is_archive(files[0].name):
        archives.unpack(files[0], staging / "unpacked", request)
        return staging / "unpacked"
    return arrived


def _check(file: Path, request: FetchRequest) -> None:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != request.sha256:
        raise ExportError(
            FailureReason.CHECKSUM_MISMATCH,
            f"{uris.shown(request.uri)} has the sha256 {digest.hexdigest()}, not {request.sha256}",
            "if the file was changed on purpose, set source.sha256 to what it is now",
        )
