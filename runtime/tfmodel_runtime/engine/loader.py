"""Loads a version for the manager: checks that it is whole, restores it, warms it up."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfmodel.store import manifest
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.warmup import warm_up
from tfmodel_runtime.errors import LoadError

_log = logging.getLogger(__name__)
_DATA_LOSS = 15


WarmUp = Callable[[SavedModel, Path], bool]


@dataclass(frozen=True, slots=True)
class Options:
    """How SavedModels are loaded. 0 threads leaves the number to TensorFlow."""

    is_managed: bool = False
    tags: tuple[str, ...] = ("serve",)
    intra_op_threads: int = 0
    inter_op_threads: int = 0


class EngineLoader:
    """Loads SavedModels with TensorFlow. A version of a managed store must have the sizes that its manifest lists.

    `warm_up` sends the requests that a version brings along, and says whether there were any; without it nothing is warmed up.
    """

    def __init__(self, options: Options | None = None, *, warm_up: WarmUp | None = None) -> None:
        self._options = options or Options()
        self._warm_up = warm_up

    def load(self, path: Path) -> SavedModel:
        """The version in the folder, warmed up.

        Raises:
            LoadError: files are missing or cut, TensorFlow cannot load it, or a warm-up request fails.
        """
        options = self._options
        if options.is_managed:
            _check_sizes(path)
        model = SavedModel.load(
            path,
            tags=options.tags,
            intra_op_threads=options.intra_op_threads,
            inter_op_threads=options.inter_op_threads,
        )
        try:
            if self._warm_up is not None and not self._warm_up(model, path):
                _warm_up(model, path)
        except BaseException:
            model.close()
            raise
        return model


def _warm_up(model: SavedModel, path: Path) -> None:
    """Requests that were made up do not fail a load, unless every one of them shows that the model is broken."""
    warmed = warm_up(model)
    for name, reason in {**warmed.picky, **warmed.broken}.items():
        _log.warning("signature %s of %s does not answer a generated request: %s", name, path, reason)
    if warmed.broken and not warmed.answered and not warmed.picky:
        raise LoadError(str(path), f"no signature answers: {next(iter(warmed.broken.values()))}")


def _check_sizes(path: Path) -> None:
    try:
        wrong = manifest.wrong_sizes(path, manifest.read(path))
    except (OSError, ValueError) as error:
        raise LoadError(str(path), f"the manifest cannot be read: {error}", _DATA_LOSS) from error
    if wrong:
        raise LoadError(str(path), f"files are missing or cut: {', '.join(wrong)}", _DATA_LOSS)
