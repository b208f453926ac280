"""A Keras callback that reports progress and history. Import it where Keras is there."""

import time
from collections.abc import Mapping

import keras

from tfmodel.train.reporting import finite, report_epoch, report_metrics, report_progress

_SECONDS_BETWEEN_REPORTS = 1.0


class ProgressCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports epoch, step, loss, metrics and the time that is left, at most once a second, and each epoch's end.

    At the end of the training the last epoch's numbers are written as the run's metrics, unless `final_metrics` is False; what
    the script reports later, as from an evaluation, replaces them.

    With several workers only the chief reports: give the callback to it alone, or to all, since each has files of its own.
    """

    def __init__(self, *, final_metrics: bool = True) -> None:
        super().__init__()
        self._final_metrics = final_metrics
        self._reported = 0.0
        self._begun = self._epoch_begun = time.monotonic()
        self._first_epoch: int | None = None
        self._epoch = 0
        self._step = 0
        self._last: dict[str, float] = {}

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Notes where the training stands; a resumed one does not begin with epoch 0."""
        if self._first_epoch is None:
            self._first_epoch, self._begun = epoch, time.monotonic()
            self._step = epoch * self._steps_per_epoch()
        self._epoch, self._epoch_begun = epoch, time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Reports, if the last report is old enough."""
        self._step += 1
        if time.monotonic() - self._reported >= _SECONDS_BETWEEN_REPORTS:
            steps = self._steps_per_epoch()
            self._report(self._epoch, (batch + 1) / steps if steps else 0.0, finite(logs or {}))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Reports, and adds the epoch to the history."""
        self._last = finite(logs or {})
        report_epoch(epoch + 1, step=self._step, seconds=time.monotonic() - self._epoch_begun, metrics=self._last)
        self._report(epoch + 1, 0.0, self._last)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002 - as above
        """Writes the last epoch's numbers as the run's metrics."""
        if self._final_metrics and self._last:
            report_metrics(self._last)

    def _steps_per_epoch(self) -> int:
        return int(self.params.get("steps") or 0)

    def _report(self, epochs_done: int, part_of_epoch: float, metrics: Mapping[str, float]) -> None:
        self._reported = time.monotonic()
        epochs = int(self.params.get("epochs") or 0)
        done = min(1.0, (epochs_done + part_of_epoch) / epochs) if epochs else None
        trained = epochs_done + part_of_epoch - (self._first_epoch or 0)
        pace = (self._reported - self._begun) / trained if trained > 0 else None
        left = pace * (epochs - epochs_done - part_of_epoch) if pace is not None and epochs else None
        report_progress(
            epoch=epochs_done,
            epochs=epochs or None,
            step=self._step,
            done=done,
            estimated_remaining_seconds=None if left is None else max(0.0, left),
            metrics=metrics,
        )
