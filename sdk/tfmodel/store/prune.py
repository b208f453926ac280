"""Which versions go when a new one has come, and their removal."""

import shutil
from collections.abc import Collection
from pathlib import Path

from tfmodel.store import layout


def to_prune(versions: Collection[int], *, keep: int, protected: Collection[int]) -> list[int]:
    """The versions beyond the newest `keep`, in rising order; protected ones stay, and do not count as kept."""
    others = sorted(set(versions) - set(protected))
    return others[: max(0, len(others) - max(1, keep))]


def prune(store: Path, model: str, *, keep: int, protected: Collection[int]) -> list[int]:
    """Removes old versions; their numbers. The mark goes first, so that no server loads what is half gone."""
    gone = to_prune(layout.complete_versions(store, model), keep=keep, protected=protected)
    for version in gone:
        folder = layout.version_dir(store, model, version)
        (folder / layout.MARK).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    return gone
