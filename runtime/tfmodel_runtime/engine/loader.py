"""Loads a version for the manager: checks that it is whole, restores it, warms it up."""

import logging
from pathlib import Path

from tfmodel.store import manifest
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.warmup import warm_up
from tfmodel_runtime.errors import LoadError

_log = logging.getLogger(__name__)
_DATA_LOSS = 15


class EngineLoader:
    """Loads SavedModels with TensorFlow. A version of a managed store must have the sizes that its manifest lists."""

    def __init__(self, *, is_managed: bool, intra_op_threads: int = 0, inter_op_threads: int = 0) -> None:
        self._is_managed = is_managed
        self._intra_op_threads = intra_op_threads
        self._inter_op_threads = inter_op_threads

    def load(self, path: Path) -> SavedModel:
        """The version in the folder, warmed up.

        Raises:
            LoadError: files are missing or cut, or TensorFlow cannot load it.
        """
        if self._is_managed:
            _check_sizes(path)
        model = SavedModel.load(path, intra_op_threads=self._intra_op_threads, inter_op_threads=self._inter_op_threads)
        try:
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
