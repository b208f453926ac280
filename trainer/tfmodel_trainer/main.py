"""`tfmodel-trainer export` and `fetch`: what runs in these containers of a run's Job.

Each reads one environment variable, answers in the termination message (`fetch` only if it fails), and ends with 0, with 42 for what would fail again in the same
way, or with 1 for what another attempt may mend.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from tfmodel import contract
from tfmodel.api.reasons import FailureReason
from tfmodel.contract import ExportReport, ExportRequest, Failure, FetchRequest
from tfmodel_trainer.errors import ExportError
from tfmodel_trainer.export import export
from tfmodel_trainer.fetch import settings

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the exit code of the process."""
    parser = argparse.ArgumentParser(
        "tfmodel-trainer", description="Fetches a model; checks and publishes it, or what a training left."
    )
    parser.add_argument("command", choices=("export", "fetch"))
    parser.add_argument("--report-file", type=Path, default=Path("/dev/termination-log"), help="where the report goes")
    found = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    if os.environ.get(contract.WORKER_INDEX_ENV, "0") != "0":
        _log.info("the chief exports what the workers trained")
        return 0
    if found.command == "fetch":
        report, code = run_fetch(os.environ.get(contract.FETCH_REQUEST_ENV, ""))
    else:
        report, code = run(os.environ.get(contract.EXPORT_REQUEST_ENV, ""))
    if found.command == "export" or report.failure is not None:
        found.report_file.write_text(report.to_termination_message())
    if report.failure is not None:
        _log.error("%s: %s. Hint: %s", report.failure.reason, report.failure.message, report.failure.hint)
    return code


def run(request: str) -> tuple[ExportReport, int]:
    """The report on a request, and the exit code that belongs to it."""
    try:
        return export(ExportRequest.from_json(request)), 0
    except ValidationError as error:
        told = f"${contract.EXPORT_REQUEST_ENV} is no export request: {error}"
        return _failed(Failure(reason=FailureReason.INTERNAL_ERROR, message=told, hint="please report it"))
    except ExportError as error:
        return _failed(error.failure)
    except Exception as error:  # noqa: BLE001 - the rim: the report must be written whatever it is
        _log.exception("the export failed in a way that was not foreseen")
        told = f"{type(error).__name__}: {error}"
        hint = "see the log; please report it"
        return _failed(Failure(reason=FailureReason.INTERNAL_ERROR, message=told, hint=hint, retriable=True))


def run_fetch(request: str) -> tuple[ExportReport, int]:
    """The report on a request to fetch, empty if it was done, and the exit code. No value of a credential stands in it."""
    from tfmodel_trainer.fetch import step  # noqa: PLC0415 - the export step needs none of its libraries

    environment = dict(os.environ)
    hidden = settings.secrets(environment)
    for name in settings.SECRET:  # the libraries are told what they need, and look for nothing themselves
        os.environ.pop(name, None)
    try:
        step.fetch(FetchRequest.from_json(request), environment)
    except ExportError as error:
        message = settings.masked(error.failure.message, hidden)
        return _failed(error.failure.model_copy(update={"message": message}))
    except Exception as error:  # noqa: BLE001 - as above; no traceback, which may hold a credential
        told = settings.masked(f"{type(error).__name__}: {error}", hidden)
        hint = "see whether the disk is full; else please report it"
        return _failed(Failure(reason=FailureReason.INTERNAL_ERROR, message=told, hint=hint, retriable=True))
    return ExportReport(), 0


def _failed(failure: Failure) -> tuple[ExportReport, int]:
    code = contract.RETRIABLE_FAILURE if failure.retriable else contract.PERMANENT_FAILURE
    return ExportReport(failure=failure), code


if __name__ == "__main__":
    sys.exit(main())
