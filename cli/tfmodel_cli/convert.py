"""`tfmodel convert`: a model in other formats, by the export step itself: looked at, converted, held against the SavedModel."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from tfmodel.api.export import Format, Quantization
from tfmodel.contract import ExportRequest
from tfmodel.store import layout
from tfmodel_cli import export_step
from tfmodel_cli.errors import CommandError

_MODEL = "model"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    model: Path
    formats: Sequence[str]
    output: Path
    signature: str = "serving_default"
    quantization: str = "None"
    representative_data: Path | None = None
    overwrite: bool = False


def convert(options: Options) -> list[str]:
    """Writes the formats into the output folder; a line on each.

    Raises:
        CommandError: there is no model, a format is unknown or cannot be made, or a file is there already.
    """
    request = _request(options)
    with tempfile.TemporaryDirectory(prefix="tfmodel-") as folder:
        report = export_step.run(
            request.model_copy(update={"store": folder, "metrics_file": f"{folder}/none"}), Path(folder) / "report.json"
        )
        made = layout.version_dir(Path(folder), _MODEL, report.version or 1) / layout.EXPORTS
        there = [path.name for path in made.iterdir() if (options.output / path.name).exists()]
        if there and not options.overwrite:
            raise CommandError(f"{options.output} holds {', '.join(sorted(there))} already", "set --overwrite")
        shutil.copytree(made, options.output, dirs_exist_ok=True)
    return [
        f"{one.format}: {options.output / Path(one.file).relative_to(layout.EXPORTS)}, {one.size_bytes} bytes, "
        f"largest difference from the SavedModel {one.max_difference}"
        for one in report.exports
    ]


def _request(options: Options) -> ExportRequest:
    for path in (options.model, options.representative_data):
        if path is not None and not path.exists():
            raise CommandError(f"{path} does not exist", "name a SavedModel's folder, or a .keras or .h5 file")
    formats = tuple(dict.fromkeys(_known(name, "--to", get_args(Format)) for name in options.formats))
    quantization = _known(options.quantization, "--quantization", get_args(Quantization))
    if quantization != "None" and "TFLite" not in formats:
        raise CommandError("--quantization is for TFLite", "add --to TFLite, or leave it out")
    data = options.representative_data
    if (quantization == "Int8") != (data is not None):
        raise CommandError("--quantization Int8 and --representative-data go together", "give both, or none")
    return ExportRequest(
        model=_MODEL,
        run_id="1",
        run_key="1",
        owner="",
        export_dir=str(options.model.resolve()),
        metrics_file="",
        store="",
        signature=options.signature,
        formats=formats,
        quantization=quantization,
        representative_data=str(data.resolve()) if data else "",
    )


def _known(name: str, flag: str, names: Sequence[str]) -> str:
    """The name as the API writes it."""
    found = {one.lower(): one for one in names}.get(name.lower())
    if found is None:
        raise CommandError(f"{flag} {name}: expected one of {', '.join(names)}")
    return found
