"""Loads a version for the manager: checks that it is whole, restores it, warms it up."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.warmup import warm_up
from tfmodel_runtime.errors import LoadError

_log = logging.getLogger(__name__)
_DATA_LOSS = 15


Prepare = Callable[[SavedModel, Path], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How SavedModels are loaded. 0 threads leaves the number to TensorFlow."""

    is_managed: bool = False
    tags: tuple[str, ...] = ("serve",)
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    keeps_samples: bool = False
    """Whether what a model is warmed up with is kept, to optimise it by."""


class EngineLoader:
    """Loads SavedModels with TensorFlow. A version of a managed store must have the sizes that its manifest lists.

    `prepare` is what happens to a loaded version before it is available; it raises LoadError.
    """

    def __init__(self, options: Options | None = None, *, prepare: Prepare | None = None) -> None:
        self._options = options or Options()
        self._prepare = prepare or generate

    def load(self, path: Path) -> SavedModel:
        """The version in the folder, warmed up.

        Raises:
            LoadError: files are missing or cut, TensorFlow cannot load it, or it cannot be prepared.
        """
        options = self._options
        if options.is_managed:
            _check_sizes(path)
        begun, used = time.monotonic(), _own_bytes()
        model = SavedModel.load(
            path,
            tags=options.tags,
            intra_op_threads=options.intra_op_threads,
            inter_op_threads=options.inter_op_threads,
        )
        restored = time.monotonic()
        model.samples = [] if options.keeps_samples else None
        try:
            self._prepare(model, path)
        except BaseException:
            model.close()
            raise
        model.load_seconds = {"restore": restored - begun, "warm_up": time.monotonic() - restored}
        model.load_bytes = max(0, _own_bytes() - used)
        return model


def _own_bytes() -> int:
    """What the process holds in memory, less pages of files such as TensorFlow's code (proc_pid_statm(5))."""
    try:
        _, resident, shared, *_ = Path("/proc/self/statm").read_text().split()
    except OSError:
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def generate(model: SavedModel, path: Path, row_counts: Sequence[int] = (1,)) -> None:
    """Warms up with requests that are made up from the signatures.

    They do not fail a load, unless every one of them shows that the model is broken.

    Raises:
        LoadError: no signature answers.
    """
    warmed = warm_up(model, row_counts)
    for name, reason in {**warmed.picky, **warmed.broken}.items():
        _log.warning("signature %s of %s does not answer a generated request: %s", name, path, reason)
    if warmed.broken and not warmed.answered and not warmed.picky:
        raise LoadError(str(path), f"no signature answers: {next(iter(warmed.broken.values()))}")


def _check_sizes(path: Path) -> None:
    from tfmodel.store import manifest  # noqa: PLC0415 - pydantic, which takes as long to import as a model to load

    try:
        wrong = manifest.wrong_sizes(path, manifest.read(path))
    except (OSError, ValueError) as error:
        raise LoadError(str(path), f"the manifest cannot be read: {error}", _DATA_LOSS) from error
    if wrong:
        raise LoadError(str(path), f"files are missing or cut: {', '.join(wrong)}", _DATA_LOSS)
