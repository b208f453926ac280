"""The export step from its request to its report: convert, check, publish, prune. The stages stand in their order."""

import errno
import json
import logging
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tfmodel.api.reasons import FailureReason
from tfmodel.contract import ExportedFormat, ExportReport, ExportRequest
from tfmodel.progress import HISTORY_FILE, MOST_BYTES, MOST_HISTORY_BYTES, Progress, read_bounded, read_history
from tfmodel.store import layout, manifest, prune, publish
from tfmodel_trainer import features, imports, preflight
from tfmodel_trainer.convert import Converted
from tfmodel_trainer.errors import ExportError
from tfmodel_trainer.formats import stage
from tfmodel_trainer.formats.model import Wanted

_log = logging.getLogger(__name__)


def export(request: ExportRequest) -> ExportReport:
    """Makes what the training left a version.

    Raises:
        ExportError: it cannot become one, or not now.
    """
    try:
        return _export(request)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "enlarge storage.persistentVolumeClaim.size, or lower storage.keepVersions"
            raise ExportError(FailureReason.DISK_FULL, f"no space is left: {error}", hint, is_retriable=True) from error
        raise


def _export(request: ExportRequest) -> ExportReport:
    store = Path(request.store)
    version = publish.published_by(store, request.model, owner=request.owner, run_key=request.run_key)
    if version is not None:
        _log.info("run %s is published already as version %d", request.run_key, version)
    else:
        version = _publish_new(request, store)
    gone = prune.prune(store, request.model, keep=request.keep_versions, protected=request.protected_versions)
    if gone:
        _log.info("pruned versions %s", ", ".join(str(number) for number in gone))
    _prune_runs(request, store)
    return _report(request, store, version)


def _publish_new(request: ExportRequest, store: Path) -> int:
    metrics = preflight.read_metrics(Path(request.metrics_file))
    exported = Path(request.export_dir)
    if not exported.exists() and request.export_dir.startswith("/source"):
        raise ExportError(
            FailureReason.SOURCE_NOT_FOUND, f"there is nothing at {exported}", "correct the path in source.uri"
        )
    with tempfile.TemporaryDirectory() as workspace:
        imported = imports.saved_model(request, exported, Path(workspace))
        served = features.named(imported.folder, request.signature, request.feature_names, Path(workspace))
        _log.info("checking %s", served)
        found = _check(request, store, served)
        preflight.check_metrics(metrics, request.thresholds)
        written = Path(workspace) / "exports"
        exports = stage.write(_formats(request, imported), written)
        staging = publish.stage(served, store, request.model, request.run_key)
        if exports:
            shutil.copytree(written, staging / layout.EXPORTS, copy_function=shutil.copyfile)
    _keep_history(Path(request.log_dir), staging)
    record = manifest.Manifest(
        model=request.model,
        owner=request.owner,
        run_id=request.run_id,
        run_key=request.run_key,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        tensorflow_version=found.tensorflow_version,
        signatures=found.signatures,
        params=request.params,
        metrics=metrics,
        operations=found.operations,
        warnings=found.warnings,
        exports=exports,
        export_digest=request.export_digest,
        feature_names=request.feature_names,
    )
    version = publish.publish(staging, store, record)
    _log.info("published version %d of %s", version, request.model)
    return version


def _check(request: ExportRequest, store: Path, saved_model: Path) -> preflight.Inspection:
    wanted = preflight.Wanted(request.signature, request.allowed_operations, request.smoke_request)
    found = preflight.check_model(saved_model, wanted)
    for name, told in found.broken.items():
        _log.warning("signature %s does not answer a generated request: %s", name, told)
    for told in found.warnings:
        _log.warning("%s", told)
    _check_compatible(request, store, found)
    return found


def _formats(request: ExportRequest, imported: Converted) -> Wanted:
    data = request.representative_data
    return Wanted(
        saved_model=imported.folder,
        signature=request.signature,
        formats=request.formats,
        keras_file=imported.keras_file,
        quantization=request.quantization,
        representative_data=Path(data) if data else None,
        feature_names=request.feature_names,
        smoke_request=request.smoke_request,
    )


def _keep_history(log_dir: Path, staging: Path) -> None:
    """The history goes with the version: the run's own folder does not live as long."""
    text = read_bounded(log_dir / HISTORY_FILE, MOST_HISTORY_BYTES)
    epochs = read_history((text or b"").decode(errors="replace").splitlines())
    if epochs:
        file = staging / layout.HISTORY
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps([json.loads(one.to_json()) for one in epochs]))


def _prune_runs(request: ExportRequest, store: Path) -> None:
    """Logs stay with the versions that they belong to; checkpoints of the run that is over go."""
    versions = layout.complete_versions(store, request.model)
    keys = {manifest.read(layout.version_dir(store, request.model, version)).run_key for version in versions}
    layout.prune_runs(store, request.model, keep={*keys, request.run_key})
    shutil.rmtree(layout.run_dir(store, request.model, request.run_key) / "checkpoints", ignore_errors=True)


def _progress(file: Path) -> Progress | None:
    found = Progress.from_json(read_bounded(file, MOST_BYTES) or b"")
    return found and found.model_copy(update={"metrics": {}})


def _check_compatible(request: ExportRequest, store: Path, found: preflight.Inspection) -> None:
    """A version that was pruned meanwhile, or that someone else made, tells nothing of its clients."""
    serving = request.serving_version
    if serving is None or serving not in layout.complete_versions(store, request.model):
        return
    before = manifest.read(layout.version_dir(store, request.model, serving)).signatures
    preflight.check_compatible(before, found.signatures, version=serving)


def _exported(one: manifest.Exported) -> ExportedFormat:
    difference = preflight.metric_text(one.max_difference)
    return ExportedFormat(format=one.format, file=one.file, size_bytes=one.size_bytes, max_difference=difference)


def _report(request: ExportRequest, store: Path, version: int) -> ExportReport:
    record = manifest.read(layout.version_dir(store, request.model, version))
    return ExportReport(
        version=version,
        digest=record.digest,
        tensorflow_version=record.tensorflow_version,
        signatures=tuple(sorted(record.signatures)),
        metrics={name: preflight.metric_text(value) for name, value in record.metrics.items()},
        warnings=record.warnings,
        exports=tuple(_exported(one) for one in record.exports),
        export_digest=record.export_digest,
        progress=_progress(Path(request.progress_file)),
        stored_versions=tuple(layout.complete_versions(store, request.model)),
    )
