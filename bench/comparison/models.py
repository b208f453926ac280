"""The models that are served, and the one request that all servers get for each."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

INPUT, OUTPUT, NAME = "x", "y", "m"
_DECIMALS = 4
_MAKER = Path(__file__).with_name("make_models.py")


@dataclass(frozen=True, slots=True)
class Model:
    """A model by its name: `shape` is that of one row."""

    name: str
    shape: tuple[int, ...]
    connections: tuple[int, ...]
    """The numbers of connections that are measured where the user names none."""


MODELS = {
    "iris": Model("iris", (4,), (1, 8, 32, 64)),
    "mnist": Model("mnist", (28, 28, 1), (1, 8, 32, 64)),
    "mobilenet": Model("mobilenet", (224, 224, 3), (1, 8)),
}


@dataclass(frozen=True, slots=True)
class Made:
    """A model on disk, the row that is sent, float32 (1, *shape), and the answer that TensorFlow itself gives, float32 (1, classes)."""

    model: Model
    base: Path
    row: NDArray[np.float32]
    expected: NDArray[np.float32]

    @property
    def version(self) -> Path:
        """The folder of the only version, a SavedModel."""
        return self.base / "1"


def row_of(model: Model) -> NDArray[np.float32]:
    """The request's row: numbers of four decimals, the same in each run."""
    values = np.random.default_rng(7).uniform(0, 1, (1, *model.shape))
    return np.round(values, _DECIMALS).astype(np.float32)


def made(model: Model, cache: Path) -> Made:
    """The model out of the cache, where it is made if it is not there yet.

    Raises:
        subprocess.CalledProcessError: it cannot be made.
    """
    base = cache / "models" / model.name
    if not (base / "expected.npy").is_file():
        base.mkdir(parents=True, exist_ok=True)
        np.save(base / "row.npy", row_of(model))
        subprocess.run([sys.executable, str(_MAKER), model.name, str(base)], check=True, stderr=subprocess.DEVNULL)
    return Made(model, base, np.load(base / "row.npy"), np.load(base / "expected.npy"))


def is_right(made: Made, answer: NDArray[np.float32]) -> bool:
    """Whether an answer is the model's own, but for the last digits, in which one way of computing differs from another."""
    expected = made.expected.ravel()
    near = 1e-3 * float(np.abs(expected).max())
    return answer.size == expected.size and bool(np.allclose(answer.ravel(), expected, rtol=1e-3, atol=near))
