"""How a version gets into the store: put together in a staging folder, synced, marked as complete, renamed into place.

A crash at any moment leaves either no version or a whole one. A run that published before its report was read publishes nothing
twice: the version of the same owner and run is found again. Two publishers that want the same number cannot both get it: a
rename does not replace a folder that holds files, so that the second one takes the next number.
"""

import os
import shutil
from pathlib import Path

from tfmodel.store import layout
from tfmodel.store.manifest import Manifest, read

_ATTEMPTS = 16


def published_by(store: Path, model: str, *, owner: str, run_key: str) -> int | None:
    """The version that the run of that owner became; None if it became none."""
    for version in layout.complete_versions(store, model):
        try:
            found = read(layout.version_dir(store, model, version))
        except (OSError, ValueError):
            continue
        if (found.owner, found.run_key) == (owner, run_key):
            return version
    return None


def stage(saved_model: Path, store: Path, model: str, run_key: str) -> Path:
    """Copies a SavedModel into the staging folder of its run; what an attempt before left there is removed.

    Raises:
        OSError: the store cannot be written, as when it is full.
    """
    staging = layout.staging_dir(store, model, run_key)
    shutil.rmtree(staging, ignore_errors=True)
    staging.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(saved_model, staging, copy_function=shutil.copyfile)
    return staging


def publish(staging: Path, store: Path, manifest: Manifest) -> int:
    """Makes what is staged a version; its number is one above the highest that is taken.

    Raises:
        OSError: the store cannot be written.
    """
    whole = manifest.with_files(staging)
    mark = staging / layout.MARK
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(whole.model_dump_json(by_alias=True, indent=1))
    _make_readable(staging)
    _sync(staging)
    for _ in range(_ATTEMPTS):
        version = max(layout.taken_numbers(store, manifest.model), default=0) + 1
        try:
            staging.rename(layout.version_dir(store, manifest.model, version))
        except (FileExistsError, OSError) as error:
            if not layout.version_dir(store, manifest.model, version).exists():
                raise
            last = error
            continue
        _sync_folder(staging.parent)
        return version
    raise last


def _make_readable(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _sync(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        _sync_folder(path)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
