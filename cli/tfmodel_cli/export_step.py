"""The export step as a process here: the program of the export container, asked and answering as in a pod."""

import os
import subprocess
import sys
from pathlib import Path

from tfmodel import contract
from tfmodel.contract import ExportReport, ExportRequest
from tfmodel_cli.errors import CommandError


def run(request: ExportRequest, report_file: Path) -> ExportReport:
    """What the step reports.

    Raises:
        CommandError: it published nothing; the text says why.
    """
    report_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tfmodel_trainer.main", "export", f"--report-file={report_file}"]
    environment = {**os.environ, contract.EXPORT_REQUEST_ENV: request.to_json()}
    subprocess.run(command, env=environment, check=False)  # noqa: S603 - our own program
    report = ExportReport.from_json(report_file.read_text()) if report_file.is_file() else None
    if report is None:
        raise CommandError("InternalError: the export step ended without a report", "please report it")
    if report.failure is not None:
        raise CommandError(f"{report.failure.reason}: {report.failure.message}", report.failure.hint)
    return report
