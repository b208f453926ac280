"""The Keras callback, in a real training that is interrupted and resumed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfmodel.progress import HISTORY_FILE, Progress, read_history


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFMODEL_PROGRESS_FILE", str(tmp_path / "progress.json"))
    monkeypatch.setenv("TFMODEL_METRICS_FILE", str(tmp_path / "metrics.json"))
    monkeypatch.setenv("TFMODEL_LOG_DIR", str(tmp_path / "logs"))
    return tmp_path


def fit(folder: Path, *more: Any) -> None:
    import keras

    from tfmodel.train.keras import ProgressCallback

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    data, labels = np.ones((20, 3), np.float32), np.zeros((20, 1), np.float32)
    backup = keras.callbacks.BackupAndRestore(folder / "checkpoints")
    model.fit(data, labels, batch_size=5, epochs=4, verbose=0, callbacks=[backup, ProgressCallback(), *more])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_training_that_was_killed_goes_on_and_its_history_is_whole(folder: Path) -> None:
    import keras

    class Killed(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None) -> None:
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(folder, Killed())
    halfway = Progress.from_json((folder / "progress.json").read_bytes())
    assert halfway is not None
    assert (halfway.epoch, halfway.epochs, halfway.step, halfway.progress_percentage) == (2, 4, 8, 50)
    assert not (folder / "metrics.json").exists()
    fit(folder)
    history = read_history((folder / "logs" / HISTORY_FILE).read_text().splitlines())
    assert [(one.epoch, one.step) for one in history] == [(1, 4), (2, 8), (3, 12), (4, 16)]
    losses = [one.metrics["loss"] for one in history]
    assert losses == sorted(losses, reverse=True)
    done = Progress.from_json((folder / "progress.json").read_bytes())
    assert done is not None
    assert (done.progress_percentage, done.estimated_remaining_seconds) == (100, 0)
    assert json.loads((folder / "metrics.json").read_text()) == pytest.approx({"loss": losses[-1]})
