"""Where things are: `<store>/<model>/<version>/`, as TensorFlow Serving has it, with `assets.extra/tfmodel.json` as the mark.

The mark is written last, inside a staging folder that is renamed into place at once: what has a version's name is whole, and
what has the mark was published by this project.
"""

import shutil
from collections.abc import Collection
from pathlib import Path

MARK = "assets.extra/tfmodel.json"
RUNS = ".runs"
"""Folder beside a model's versions that holds each run's checkpoints and logs, under the run's key."""
HISTORY = "assets.extra/history.json"
"""The epochs of the run that made a version, as a JSON list."""
EXPORTS = "assets.extra/exports"
"""Folder of a version with its other formats. TensorFlow Serving and TensorFlow read no file of assets.extra that they do not know."""
_STAGING = ".staging-"


def model_dir(store: Path, model: str) -> Path:
    """Folder of a model's versions."""
    return store / model


def version_dir(store: Path, model: str, version: int) -> Path:
    """Folder of a version."""
    return model_dir(store, model) / str(version)


def staging_dir(store: Path, model: str, run_key: str) -> Path:
    """Folder in which a version is put together; its name is no number, so that no server takes it for a version."""
    return model_dir(store, model) / f"{_STAGING}{run_key}"


def run_dir(store: Path, model: str, run_key: str) -> Path:
    """Folder of a run's checkpoints and logs."""
    return model_dir(store, model) / RUNS / run_key


def prune_runs(store: Path, model: str, *, keep: Collection[str]) -> None:
    """Removes the folders of all runs but those with the given keys, as far as they can be removed."""
    folder = model_dir(store, model) / RUNS
    for child in folder.iterdir() if folder.is_dir() else ():
        if child.name not in keep:
            shutil.rmtree(child, ignore_errors=True)


def is_complete(version: Path) -> bool:
    """Whether a version's folder holds the mark."""
    return (version / MARK).is_file()


def taken_numbers(store: Path, model: str) -> list[int]:
    """Numbers that folders have already, complete or not, in rising order."""
    folder = model_dir(store, model)
    if not folder.is_dir():
        return []
    return sorted(int(child.name) for child in folder.iterdir() if child.name.isascii() and child.name.isdecimal())


def complete_versions(store: Path, model: str) -> list[int]:
    """Numbers of the complete versions, in rising order."""
    return [number for number in taken_numbers(store, model) if is_complete(version_dir(store, model, number))]
