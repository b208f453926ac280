"""What a model must pass before it may serve: it loads, has the signature, answers, and its metrics satisfy the thresholds.

It is loaded by the engine that will serve it, in a child process: a model is a program, and one that crashes or hangs must not take
the report with it.
"""

import json
import math
import multiprocessing
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tfmodel.api.quantities import comparison_holds
from tfmodel.api.reasons import FailureReason
from tfmodel.contract import Failure
from tfmodel_runtime.codec import tfserving_json
from tfmodel_runtime.engine import op_registry
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.signature import Signature, TensorSpec, fed_by_position, has_named_features
from tfmodel_runtime.engine.warmup import warm_up
from tfmodel_runtime.errors import LoadError, RuntimeFault
from tfmodel_trainer import compatibility, scan
from tfmodel_trainer.errors import ExportError

LIMIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the engine found out about a SavedModel: `error` if it does not load."""

    signatures: dict[str, Any]
    tensorflow_version: str
    broken: dict[str, str]
    error: str = ""
    refused: Failure | None = None
    smoke_error: str = ""
    operations: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a SavedModel."""

    signature: str = "serving_default"
    allowed_operations: tuple[str, ...] = ()
    smoke_request: Mapping[str, Any] | None = None


def check_model(saved_model: Path, wanted: Wanted, *, limit_seconds: float = LIMIT_SECONDS) -> Inspection:
    """Looks at the SavedModel's operations, loads it, and asks each of its signatures once.

    Raises:
        ExportError: it has operations that are not allowed, does not load, crashes, takes too long, lacks the signature, or does not
            answer it, or the smoke request.
    """
    found = _inspect_apart(saved_model, wanted, limit_seconds)
    signature = wanted.signature
    if found.refused is not None:
        raise ExportError(FailureReason(found.refused.reason), found.refused.message, found.refused.hint)
    if found.error:
        hint = "export the model again; TensorFlow cannot load what was left"
        raise ExportError(FailureReason.BAD_SAVED_MODEL, found.error, hint)
    if signature not in found.signatures:
        names = ", ".join(sorted(found.signatures)) or "none"
        raise ExportError(
            FailureReason.SIGNATURE_MISSING,
            f"the SavedModel has no signature {signature!r}; it has {names}",
            "export it under that name, or set validation.signature to one that it has",
        )
    if signature in found.broken:
        hint = (
            "see that everything the signature uses is tracked by what is exported, as with keras.export.ExportArchive"
        )
        text = f"signature {signature!r} does not answer a request of one row: {found.broken[signature]}"
        raise ExportError(FailureReason.WARMUP_FAILED, text, hint)
    if found.smoke_error:
        hint = "correct validation.smokeRequest, or export a model that answers it"
        raise ExportError(FailureReason.SMOKE_REQUEST_FAILED, f"validation.smokeRequest: {found.smoke_error}", hint)
    return found


def check_compatible(before: Mapping[str, Any], after: Mapping[str, Any], *, version: int) -> None:
    """Holds the signatures against those of the version that serves.

    Raises:
        ExportError: clients of that version would break.
    """
    broken = compatibility.breaks(before, after)
    if broken:
        raise ExportError(
            FailureReason.SIGNATURE_INCOMPATIBLE,
            f"clients of version {version} would break: {'; '.join(broken)}",
            "export the model with the same signatures, or set validation.allowBreakingSignature: true",
        )


def check_metrics(metrics: Mapping[str, float], thresholds: Mapping[str, str]) -> None:
    """Holds what was reported against the thresholds.

    Raises:
        ExportError: a metric is missing or does not satisfy its threshold.
    """
    for name, comparison in thresholds.items():
        if name not in metrics:
            reported = ", ".join(sorted(metrics)) or "nothing"
            raise ExportError(
                FailureReason.METRIC_MISSING,
                f"validation.thresholds names {name}, but the training reported {reported}",
                f'write {{"{name}": <number>}} to $TFMODEL_METRICS_FILE',
            )
        if not comparison_holds(comparison, metrics[name]):
            raise ExportError(
                FailureReason.THRESHOLD_NOT_MET,
                f"{name} is {metrics[name]:g}, which is not {comparison}",
                f"train a better model, or change validation.thresholds.{name}",
            )


def read_metrics(file: Path) -> dict[str, float]:
    """The metrics that the training reported; none if it wrote no file. NaN is kept, and satisfies no threshold.

    Raises:
        ExportError: the file is no JSON object of numbers.
    """
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        raise _bad_metrics(str(error)) from error
    if not isinstance(found, dict) or not all(_is_number(value) for value in found.values()):
        raise _bad_metrics(f"expected an object of name to number, got {str(found)[:100]}")
    return {str(name): float(value) for name, value in found.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bad_metrics(told: str) -> ExportError:
    hint = 'write a JSON object such as {"accuracy": 0.97} to $TFMODEL_METRICS_FILE'
    return ExportError(FailureReason.METRIC_MISSING, f"the metrics file cannot be read: {told}", hint)


def metric_text(value: float) -> str:
    """A metric as status shows it."""
    return f"{value:.6g}" if math.isfinite(value) else str(value)


def _inspect_apart(saved_model: Path, wanted: Wanted, limit_seconds: float) -> Inspection:
    """Inspects in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_inspect, args=(str(saved_model), wanted, theirs))
    child.start()
    theirs.close()
    try:
        if not ours.poll(limit_seconds):
            child.kill()
            hint = "make the model smaller, or its initialisers faster"
            text = f"the model did not load and answer within {limit_seconds:g} s"
            raise ExportError(FailureReason.BAD_SAVED_MODEL, text, hint)
        found: Inspection = ours.recv()
    except EOFError:
        child.join()
        return Inspection({}, "", {}, error=f"loading the model ended the process by {_ending(child.exitcode)}")
    child.join()
    return found


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"signal {-exit_code} ({signal.Signals(-exit_code).name})"
    return f"exit code {exit_code}"


def _inspect(path: str, wanted: Wanted, answer: Connection) -> None:
    try:
        found = scan.sorted_out(scan.read(Path(path)), op_registry.known())
        scan.refuse(found, wanted.allowed_operations)
        model = SavedModel.load(Path(path))
    except ExportError as error:
        answer.send(Inspection({}, "", {}, refused=error.failure))
        return
    except LoadError as error:
        answer.send(Inspection({}, "", {}, error=error.message))
        return
    told = {name: _described(signature) for name, signature in model.signatures.items()}
    answer.send(
        Inspection(
            told,
            model.tensorflow_version,
            warm_up(model).broken,
            smoke_error=_smoke_error(model, wanted.smoke_request),
            operations=(*found.code, *found.files),
            warnings=tuple(_warnings(model)),
        )
    )


def _smoke_error(model: SavedModel, body: Mapping[str, Any] | None) -> str:
    """Why the model does not answer the request; empty if it does, or there is none."""
    if body is None:
        return ""
    try:
        request = tfserving_json.read(json.dumps(body).encode())
        signature = model.signatures.get(request.signature_name)
        if signature is None:
            return f"there is no signature {request.signature_name!r}"
        outputs = model.run(signature, tfserving_json.feeds(request, signature))
        tfserving_json.answer(request.form, outputs)
    except RuntimeFault as fault:
        return str(fault)
    return ""


def _warnings(model: SavedModel) -> Iterator[str]:
    for name, signature in model.signatures.items():
        alias = fed_by_position(signature)
        if alias is not None and not has_named_features(name, model.signatures):
            yield (
                f"signature {name} takes its features by position: clients that send {alias} in another order than the "
                "training's get wrong answers silently; give each feature an input of its own, or set export.featureNames"
            )


def _described(signature: Signature) -> dict[str, Any]:
    return {
        "inputs": {
            alias: {**_spec(spec), **({"hasDefault": True} if alias in signature.defaults else {})}
            for alias, spec in signature.inputs.items()
        },
        "outputs": {alias: _spec(spec) for alias, spec in signature.outputs.items()},
    }


def _spec(spec: TensorSpec) -> dict[str, Any]:
    return {"dtype": spec.data_type.name.lower(), "shape": None if spec.shape is None else list(spec.shape)}
