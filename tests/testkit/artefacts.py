"""What takes long to make is made once for what it is made from: models, trained examples.

Kept outside the checkout, under a digest of all that goes into it, and copied for each session, so that no test changes it for the
next. TFMODEL_CACHE moves it. A change to anything that goes in makes it anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_KEPT = 3
_LEFT_OUT = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache"})


def artefact(name: str, made_from: Iterable[Path], make: Callable[[Path], None], to: Path) -> Path:
    """Has `to` filled with what `make` leaves in a folder that is given to it, made from files and folders of the repository."""
    kept = _folder() / f"{name}-{digest(made_from)}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=f".{name}-") as making:
            make(Path(making) / "made")
            _publish(Path(making) / "made", kept)
        _prune(name)
    os.utime(kept)
    return Path(shutil.copytree(kept, to, symlinks=True, dirs_exist_ok=True))


def by_module(module: str) -> Callable[[Path], None]:
    """Has a module of the testkit make it, in a process of its own that imports TensorFlow."""

    def make(folder: Path) -> None:
        path = os.pathsep.join(filter(None, [str(REPOSITORY / "tests"), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-m", module, str(folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-4000:]

    return make


def digest(made_from: Iterable[Path]) -> str:
    """A digest of names and contents, and of the packages and the interpreter that go into everything."""
    told = hashlib.sha256(sys.version.encode())
    for path in sorted(_files([*made_from, REPOSITORY / "requirements"])):
        told.update(f"{path.relative_to(REPOSITORY)}\0".encode())
        told.update(hashlib.sha256(path.read_bytes()).digest())
    return told.hexdigest()[:20]


def _files(found: Iterable[Path]) -> Iterable[Path]:
    for path in found:
        if path.is_dir():
            yield from _files(one for one in path.iterdir() if one.name not in _LEFT_OUT)
        else:
            yield path


def _folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfmodel"
    return Path(os.environ.get("TFMODEL_CACHE") or cache) / "artefacts"


def _publish(made: Path, kept: Path) -> None:
    """Renames; another session that made the same was as good."""
    try:
        made.rename(kept)
    except OSError:
        if not kept.is_dir():
            raise


def _prune(name: str) -> None:
    """Keeps the few that were used last."""
    found = sorted(_folder().glob(f"{name}-*"), key=lambda one: one.stat().st_mtime, reverse=True)
    for old in found[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
