"""Unpacking without trust in the archive: regular files and folders only, inside the target, within caps.

Members are written one by one by our own loop; nothing of an archive's modes, owners, times or links is taken over. Bytes are counted
as they are unpacked: what a header says of a size is not believed.
"""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from tfmodel.api.reasons import FailureReason
from tfmodel.contract import FetchRequest
from tfmodel_trainer.errors import ExportError
from tfmodel_trainer.fetch.limits import too_large

_TAR = (".tar", ".tar.gz", ".tgz")
_ZIP = (".zip",)
_CHUNK_BYTES = 1 << 20
_LEAST_RATIO_BYTES = 10 << 20
"""Below this size a ratio tells nothing: a small file of zeros shrinks to next to nothing."""
_DEEPEST = 32


def is_archive(name: str) -> bool:
    """Whether a file of that name is unpacked."""
    return name.lower().endswith((*_TAR, *_ZIP))


def member_path(name: str) -> PurePosixPath:
    """Where a member goes, below the target.

    Raises:
        ExportError: it would lead out of it, or is no path.
    """
    if not name or "\0" in name or "\\" in name or name.startswith("/"):
        raise _bad(f"a member is called {name[:100]!r}")
    path = PurePosixPath(name)
    if (
        ".." in path.parts
        or not path.parts
        or len(path.parts) > _DEEPEST
        or any(len(part) > 255 for part in path.parts)
    ):
        raise _bad(f"a member is called {name[:100]!r}")
    return path


def unpack(archive: Path, target: Path, request: FetchRequest) -> None:
    """Unpacks into `target`, a new folder.

    Raises:
        ExportError: the archive is broken, too large, or holds what is never unpacked.
    """
    target.mkdir()
    written = 0
    most = _most_bytes(archive, request)
    try:
        for number, (name, content) in enumerate(_members(archive), 1):
            if number > request.max_files:
                raise too_large(f"the archive has more than {request.max_files} files")
            written = _write(content, _new_file(target, name), written, most)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _bad(f"it cannot be read: {error}") from error


def _most_bytes(archive: Path, request: FetchRequest) -> int:
    by_ratio = max(archive.stat().st_size * request.max_ratio, _LEAST_RATIO_BYTES)
    return min(request.max_bytes, by_ratio)


def _members(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    return _of_zip(archive) if archive.name.lower().endswith(_ZIP) else _of_tar(archive)


def _of_tar(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    with tarfile.open(archive, "r:*") as opened:
        for member in opened:
            if member.isdir() and PurePosixPath(member.name) == PurePosixPath():
                continue
            path = member_path(member.name)
            if member.isdir():
                continue
            content = opened.extractfile(member) if member.isreg() else None
            if content is None:
                raise _bad(f"{member.name[:100]!r} is no regular file")
            yield path, content


def _of_zip(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            path = member_path(member.filename)
            kind = (member.external_attr >> 16) & 0o170000
            if member.is_dir():
                continue
            if kind not in (0, 0o100000):
                raise _bad(f"{member.filename[:100]!r} is no regular file")
            with opened.open(member) as content:
                yield path, content


def _new_file(target: Path, path: PurePosixPath) -> Path:
    file = target / path
    with _clashes(path):
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            raise FileExistsError(file)
    return file


@contextmanager
def _clashes(path: PurePosixPath) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _bad(f"{str(path)[:100]!r} is there twice") from error


def _write(content: IO[bytes], file: Path, written: int, most: int) -> int:
    with file.open("xb") as opened:
        while chunk := content.read(_CHUNK_BYTES):
            written += len(chunk)
            if written > most:
                raise too_large(f"the archive unpacks to more than {most} bytes")
            opened.write(chunk)
    return written


def _bad(told: str) -> ExportError:
    hint = "pack the model's regular files only, by relative paths, as tar -czf model.tgz -C <folder> . does"
    return ExportError(FailureReason.BAD_ARCHIVE, f"the archive is refused: {told}", hint)
