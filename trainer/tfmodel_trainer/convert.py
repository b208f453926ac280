"""What the training left in the export folder, as a SavedModel.

A SavedModel is taken as it is: the folder itself, or one folder in it, a few levels down (such as models_root/mnist/1 in TensorFlow
Serving's layout, where of several numbers the highest counts). One .keras or .h5 file is loaded in Keras' safe mode, which refuses code, and exported.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tfmodel.api.reasons import FailureReason
from tfmodel_trainer.errors import ExportError

_KERAS_ENDINGS = (".keras", ".h5", ".hdf5")
_ENDINGS = {"Auto": _KERAS_ENDINGS, "Keras": (".keras",), "HDF5": (".h5", ".hdf5")}
_MOST_LISTED = 8
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Converted:
    """The folder of a SavedModel, and the file of Keras' that it was made from, if it was."""

    folder: Path
    keras_file: Path | None = None


def saved_model(exported: Path, workspace: Path, wanted: str = "Auto") -> Converted:
    """The SavedModel; a converted one is made in `workspace`. `wanted` is a format of `spec.source`.

    Raises:
        ExportError: there is no model, there are several, or it cannot be converted.
    """
    if exported.is_file():
        return _from_keras(exported, workspace, _ENDINGS.get(wanted, ()))
    if (exported / "saved_model.pb").is_file() and wanted in ("Auto", "SavedModel"):
        return Converted(exported)
    folders = _saved_models(exported) if wanted in ("Auto", "SavedModel") else []
    files = [path for path in _keras_files(exported) if path.suffix in _ENDINGS.get(wanted, ())]
    if len(folders) + len(files) > 1:
        found = ", ".join(path.name for path in (*folders, *files)[:_MOST_LISTED])
        raise ExportError(
            FailureReason.AMBIGUOUS_EXPORT, f"several models were left: {found}", "leave one in $TFMODEL_EXPORT_DIR"
        )
    if folders:
        return Converted(folders[0])
    if files:
        return _from_keras(files[0], workspace)
    raise _nothing(exported)


def _nothing(exported: Path) -> ExportError:
    if not exported.exists():
        told = f"{exported} does not exist"
    else:
        names = sorted(path.name for path in exported.iterdir())[:_MOST_LISTED] if exported.is_dir() else []
        told = f"{exported} holds {', '.join(names) or 'nothing'}"
    hint = "write a SavedModel, or one .keras or .h5 file, to $TFMODEL_EXPORT_DIR"
    return ExportError(FailureReason.NOTHING_EXPORTED, f"no model was left: {told}", hint)


def _saved_models(folder: Path) -> list[Path]:
    """SavedModels a few levels down; of numbered ones beside each other only the highest."""
    if not folder.is_dir():
        return []
    patterns = ("/".join(["*"] * depth) + "/saved_model.pb" for depth in range(1, _DEEPEST + 1))
    found = sorted(path.parent for pattern in patterns for path in folder.glob(pattern))
    highest: dict[Path, Path] = {}
    for path in (path for path in found if path.name.isdecimal()):
        best = highest.get(path.parent)
        highest[path.parent] = path if best is None or int(path.name) > int(best.name) else best
    return [path for path in found if not path.name.isdecimal() or path == highest[path.parent]]


def _keras_files(folder: Path) -> list[Path]:
    return sorted(path for ending in _KERAS_ENDINGS for path in folder.glob(f"*{ending}")) if folder.is_dir() else []


def _from_keras(file: Path, workspace: Path, endings: Collection[str] = _KERAS_ENDINGS) -> Converted:
    if file.suffix not in endings:
        raise ExportError(
            FailureReason.NOTHING_EXPORTED,
            f"{file.name} is no model that is known, or not of source.format",
            "give a SavedModel folder, a .keras or a .h5 file",
        )
    import keras  # noqa: PLC0415 - two seconds that only a conversion needs

    target = workspace / "converted"
    try:
        model = keras.saving.load_model(file, compile=False, safe_mode=True)
        model.export(target, format="tf_saved_model", verbose=False)
    except (ValueError, TypeError, OSError, KeyError, AttributeError, NotImplementedError) as error:
        hint = "export a SavedModel from the training script instead; code inside a file (Lambda layers) is never run"
        raise ExportError(FailureReason.CONVERSION_FAILED, f"{file.name}: {error}", hint) from error
    return Converted(target, file)
