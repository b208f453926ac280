"""`python3 -m tfmodel_trainer.progress_server`: tells the operator and Prometheus how far the training beside it is.

It runs as a sidecar of the training container, reads what that container writes, and needs neither TensorFlow nor the network.
GET /progress answers with `tfmodel.progress.Progress`, /history with a list of epochs, /metrics in Prometheus' text format. What
the training wrote is read with bounds; what cannot be read is as if it were not there.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from tfmodel import contract
from tfmodel.progress import HISTORY_FILE, MOST_BYTES, MOST_HISTORY_BYTES, Progress, read_bounded, read_history

_REQUEST_SECONDS = 5.0


_OF_A_RUN = ("model", "run")
GAUGES = {
    "tfmodel_training_progress_ratio": ("Part of the training that is done.", _OF_A_RUN),
    "tfmodel_training_epochs": ("Epochs that ended.", _OF_A_RUN),
    "tfmodel_training_steps": ("Training steps that ended.", _OF_A_RUN),
    "tfmodel_training_estimated_remaining_seconds": ("Time that the training still takes.", _OF_A_RUN),
    "tfmodel_training_metric": ("Loss and metrics that the training told last.", (*_OF_A_RUN, "metric")),
}
"""Help and labels of each metric."""


class Training:
    """The training's files."""

    def __init__(self, progress_file: Path, log_dir: Path) -> None:
        self._progress_file = progress_file
        self._log_dir = log_dir

    def progress(self) -> Progress:
        """How far the training is; empty before it said anything that can be read."""
        text = read_bounded(self._progress_file, MOST_BYTES)
        return (Progress.from_json(text) if text is not None else None) or Progress()

    def history(self) -> str:
        """The epochs that ended, as a JSON list."""
        text = read_bounded(self._log_dir / HISTORY_FILE, MOST_HISTORY_BYTES) or b""
        epochs = read_history(text.decode(errors="replace").splitlines())
        return json.dumps([json.loads(one.to_json()) for one in epochs])


class TrainingCollector(Collector):
    """Prometheus' view of the progress, read when it is asked for."""

    def __init__(self, training: Training, model: str, run: str) -> None:
        self._training = training
        self._labels = [model, run]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The metrics whose numbers are known."""
        found = self._training.progress()
        percentage = found.progress_percentage
        values = {
            "tfmodel_training_progress_ratio": None if percentage is None else percentage / 100,
            "tfmodel_training_epochs": found.epoch,
            "tfmodel_training_steps": found.step,
            "tfmodel_training_estimated_remaining_seconds": found.estimated_remaining_seconds,
        }
        for name, (text, labels) in GAUGES.items():
            family = GaugeMetricFamily(name, text, labels=labels)
            value = values.get(name)
            if value is not None:
                family.add_metric(self._labels, float(value))
            elif name == "tfmodel_training_metric":
                for metric, number in found.metrics.items():
                    family.add_metric([*self._labels, metric], number)
            if family.samples:
                yield family


def server(address: tuple[str, int], training: Training, model: str, run: str) -> ThreadingHTTPServer:
    """A server, bound to the address, that does not serve yet."""
    registry = CollectorRegistry()
    registry.register(TrainingCollector(training, model, run))
    answers: dict[str, Callable[[], tuple[bytes, str]]] = {
        "/progress": lambda: (training.progress().to_json().encode(), "application/json"),
        "/history": lambda: (training.history().encode(), "application/json"),
        "/metrics": lambda: (generate_latest(registry), CONTENT_TYPE_LATEST),
    }

    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_SECONDS

        def do_GET(self) -> None:
            """Answers one of the three paths."""
            if self.path not in answers:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            body, kind = answers[self.path]()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class' name
            """Says nothing: the operator asks every few seconds."""

    made = ThreadingHTTPServer(address, Handler)
    made.daemon_threads = True
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM."""
    parser = argparse.ArgumentParser(description="Tells how far a training is.")
    parser.add_argument("--model", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--port", type=int, default=contract.PROGRESS_PORT)
    parser.add_argument("--progress-file", type=Path, default=Path(contract.PROGRESS_FILE))
    parser.add_argument("--log-dir", type=Path, default=Path(contract.LOG_DIR))
    found = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    training = Training(found.progress_file, found.log_dir)
    with server(("", found.port), training, found.model, found.run) as serving:
        serving.serve_forever()
    return 0


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """A first process has no default for SIGTERM, and the kubelet would wait for the grace period."""
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
