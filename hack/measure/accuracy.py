"""Trains the MNIST examples on MNIST's own files and holds their accuracy against a bound: accuracy.py FOLDER [EXAMPLE ...].

FOLDER holds the four idx-gz files. Each example goes through `tfmodel run`, with the parameters of its manifest: trained, exported,
checked and served. Ends with 1 where a bound is missed.
"""

import gzip
import json
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BOUNDS = {"graph-mnist": 0.90, "mnist-cnn": 0.97, "keras-mnist": 0.90, "callbacks": 0.90, "mlp-classify": 0.85}
PARTS = {"train": "train", "test": "t10k"}


def main(folder: Path, chosen: list[str]) -> int:
    """Measures the chosen examples, or all; the exit code."""
    missed = 0
    with tempfile.TemporaryDirectory() as temporary:
        data = place(folder, Path(temporary) / "mnist")
        for example in chosen or BOUNDS:
            begun = time.monotonic()
            accuracy = measure(example, data, Path(temporary) / example)
            verdict = "ok" if accuracy >= BOUNDS[example] else "MISSED"
            missed += verdict == "MISSED"
            seconds = time.monotonic() - begun
            print(
                f"{example:14} accuracy {accuracy:.4f}, bound {BOUNDS[example]:.2f}, {seconds:3.0f} s: {verdict}",
                flush=True,
            )
    return min(missed, 1)


def place(folder: Path, data: Path) -> Path:
    """The idx-gz files beside a mnist.npz made of them: half of the examples read the one, half the other."""
    data.mkdir()
    arrays = {}
    for part, prefix in PARTS.items():
        names = f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz"
        for name in names:
            (data / name).write_bytes((folder / name).read_bytes())
        images, labels = (gzip.decompress((data / name).read_bytes()) for name in names)
        shape = struct.unpack(">3I", images[4:16])
        arrays[f"x_{part}"] = np.frombuffer(images[16:], np.uint8).reshape(shape)
        arrays[f"y_{part}"] = np.frombuffer(labels[8:], np.uint8)
    np.savez_compressed(data / "mnist.npz", **arrays)
    return data


def measure(example: str, data: Path, work: Path) -> float:
    """The accuracy on the test set that a run of the example reported."""
    flags = (f"--input=mnist={data}", "--once", f"--work-dir={work}", "--port=0", "--rest_api_port=28501")
    command = [sys.executable, "-m", "tfmodel_cli.main", "run", str(EXAMPLES / example), *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    metrics = work / "tfmodel" / "metrics.json"
    # a threshold of the manifest that is missed ends the run too, but the figure is there and is told
    if not metrics.is_file():
        raise SystemExit(f"{example} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    if done.returncode != 0:
        print(
            f"{example}: tfmodel run ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}",
            file=sys.stderr,
        )
    return float(json.loads(metrics.read_text())["accuracy"])


if __name__ == "__main__":
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= BOUNDS.keys():
        raise SystemExit(__doc__)
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))
