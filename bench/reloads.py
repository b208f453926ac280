"""Memory over many version swaps: RSS of a server after each tenth swap. Run by hand: .venv/bin/python bench/reloads.py [SWAPS] [MIB].

The model holds MIB megabytes of variables, so that memory that does not come back is seen. Nothing here asserts a figure.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

from testkit.served import Served, serving  # noqa: E402 - the tests' folder is not installed

_MODEL = """
import sys, tensorflow as tf
class Large(tf.Module):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.ones([int(sys.argv[2]), 2**18]))
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def predict(self, x):
        return {"y": x * self.w[0, 0]}
model = Large()
tf.saved_model.save(model, sys.argv[1], signatures={"serving_default": model.predict})
"""


def rss_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def is_served(served: Served, version: int) -> bool:
    states = served.ask("/v1/models/m")[1]["model_version_status"]
    found = {one["version"]: one["state"] for one in states}
    return (
        found[str(version)] == "AVAILABLE" and list(found.values()).count("AVAILABLE") == 1
        if str(version) in found
        else False
    )


def main(swaps: int, mib: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, base = Path(folder) / "source", Path(folder) / "m"
        subprocess.run([sys.executable, "-c", _MODEL, str(source), str(mib)], check=True, capture_output=True)
        shutil.copytree(source, base / "1")
        with serving(base, Path(folder) / "log", "--file_system_poll_wait_seconds=0.05") as served:
            for version in range(2, swaps + 2):
                staging = Path(folder) / "staging"
                shutil.copytree(source, staging)
                staging.rename(base / str(version))
                while not is_served(served, version):
                    time.sleep(0.02)
                shutil.rmtree(base / str(version - 1))
                if version % 10 == 1 or version == 2:
                    print(f"{version - 1:4d} swaps: {rss_mib(served.process.pid):7.1f} MiB", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, int(sys.argv[2]) if len(sys.argv) > 2 else 64)
