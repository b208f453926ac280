"""The record of a version, `assets.extra/tfmodel.json`: every file with size and sha256, and where the version came from."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from tfmodel.store.layout import MARK

_CHUNK_BYTES = 1 << 20


class FileRecord(BaseModel):
    """A file of a version."""

    model_config = ConfigDict(frozen=True)

    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal digest."""


class Exported(BaseModel):
    """A format that a version has beside its SavedModel."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, frozen=True, ser_json_inf_nan="strings"
    )

    format: str
    """One of export.formats."""
    file: str
    """Path of the file, or of the first of several, inside the version's folder."""
    size_bytes: int
    """Bytes of its files."""
    max_difference: float
    """Largest difference between its answers and the SavedModel's on sample rows."""
    quantization: str = "None"
    """How the numbers of a TFLite file were made smaller."""


class Manifest(BaseModel):
    """The record of a version."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        frozen=True,
        ser_json_inf_nan="strings",
    )

    model: str
    """Name of the model."""
    owner: str
    """uid of the TFModel that published it."""
    run_id: str
    """Name of the run."""
    run_key: str
    """Name of the run and a digest of its recipe."""
    created_at: str
    """When it was published, RFC 3339 in UTC."""
    tensorflow_version: str
    """TensorFlow that wrote it."""
    signatures: dict[str, Any] = {}
    """Signatures with inputs and outputs: dtype and shape by alias."""
    params: dict[str, str] = {}
    """Hyperparameters of the run."""
    metrics: dict[str, float] = {}
    """What the training reported."""
    operations: tuple[str, ...] = ()
    """Kinds of operations in it that run code or touch files, which were allowed."""
    warnings: tuple[str, ...] = ()
    """What is wrong with it, if not wrong enough to refuse it."""
    exports: tuple[Exported, ...] = ()
    """Other formats that it has."""
    export_digest: str | None = None
    """Digest of the spec.export that it was made by."""
    feature_names: tuple[str, ...] = ()
    """Names of the features of a signature whose original takes one unnamed row, in the order of that row."""
    files: dict[str, FileRecord] = {}
    """Every file by its path inside the version, the record itself left out."""

    @property
    def digest(self) -> str:
        """sha256 over the sorted paths and digests of the files."""
        listed = json.dumps({path: record.sha256 for path, record in self.files.items()}, sort_keys=True)
        return f"sha256:{hashlib.sha256(listed.encode()).hexdigest()}"

    def with_files(self, folder: Path) -> Self:
        """The record with the files that the folder holds now."""
        return self.model_copy(update={"files": records(folder)})


def records(folder: Path) -> dict[str, FileRecord]:
    """Size and digest of every file below the folder, but of the record."""
    return {
        str(path.relative_to(folder)): FileRecord(size=path.stat().st_size, sha256=_sha256(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and str(path.relative_to(folder)) != MARK
    }


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def read(version: Path) -> Manifest:
    """The record of the version in that folder.

    Raises:
        OSError: there is none.
        ValueError: it is none.
    """
    return Manifest.model_validate_json((version / MARK).read_bytes())


def wrong_sizes(version: Path, manifest: Manifest) -> list[str]:
    """Paths of files that are missing or have another size than is recorded."""
    return [path for path, record in manifest.files.items() if _size(version / path) != record.size]


def wrong_files(version: Path, manifest: Manifest) -> list[str]:
    """Paths of files that are missing, were changed or came on top."""
    found: Mapping[str, FileRecord] = records(version)
    return sorted(path for path in found.keys() | manifest.files.keys() if found.get(path) != manifest.files.get(path))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1
