"""`tfmodel-trainer export`: what runs in the export container of a run's Job.

It reads one environment variable, answers in the termination message, and ends with 0, with 42 for what would fail again in the same
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
from tfmodel.contract import ExportReport, ExportRequest, Failure
from tfmodel_trainer.errors import ExportError
from tfmodel_trainer.export import export

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the exit code of the process."""
    parser = argparse.ArgumentParser("tfmodel-trainer", description="Checks and publishes what a training left.")
    parser.add_argument("command", choices=("export",))
    parser.add_argument("--report-file", type=Path, default=Path("/dev/termination-log"), help="where the report goes")
    found = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    if os.environ.get(contract.WORKER_INDEX_ENV, "0") != "0":
        _log.info("the chief exports what the workers trained")
        return 0
    report, code = run(os.environ.get(contract.EXPORT_REQUEST_ENV, ""))
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


def _failed(failure: Failure) -> tuple[ExportReport, int]:
    code = contract.RETRIABLE_FAILURE if failure.retriable else contract.PERMANENT_FAILURE
    return ExportReport(failure=failure), code


if __name__ == "__main__":
    sys.exit(main())
