"""Where the time and the memory of a start go: `python bench/startup.py FOLDER`, FOLDER holding the version folders of a SavedModel.

Prints the stages of a start in a process of its own, the least of some runs, and the slowest imports. Needs an installed `tfmodel[runtime]`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

_STAGES = """
import json, sys, time
def memory():
    for line in open("/proc/self/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
def note(stage):
    global begun
    stages.append((stage, (time.perf_counter() - begun) * 1000, memory()))
    begun = time.perf_counter()
stages, begun = [], time.perf_counter()
note("Python")
import tfmodel_runtime.main; note("import the flags")
from tfmodel_runtime.engine import opening
opening.begin(); note("import what has extension modules: numpy, protobuf, uvloop, ...")
import tfmodel_runtime.composition; note("import the rest; a thread opens TensorFlow's library meanwhile")
from tfmodel_runtime.engine import capi, loader, measuring
from tfmodel_runtime.engine.saved_model import SavedModel
from pathlib import Path
capi.library(); note("wait for the library, and unmap what only its opening needed")
path = Path(sys.argv[1])
model = SavedModel.load(path, intra_op_threads=1, inter_op_threads=2); note("restore")
loader.generate(model, path); note("warm up")
measuring.measure(model); note("measure")
print(json.dumps(stages))
"""
_IMPORT = re.compile(r"import time:\s+\d+ \|\s+(\d+) \| {1,3}(\S+)$")
_READY_SECONDS = 60.0


def stages(version: Path, runs: int) -> list[tuple[str, float, float]]:
    """Name, milliseconds and MB of PSS after each stage: the least of the runs."""
    found = []
    for _ in range(runs):
        done = subprocess.run([sys.executable, "-c", _STAGES, str(version)], capture_output=True, check=True, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return [(one[0][0], min(each[1] for each in one), min(each[2] for each in one)) for one in zip(*found, strict=True)]


def imports(count: int) -> list[tuple[str, float]]:
    """The modules whose import takes longest, and how many milliseconds, with all that they import."""
    command = [sys.executable, "-X", "importtime", "-c", "import tfmodel_runtime.main, tfmodel_runtime.composition"]
    told = subprocess.run(command, capture_output=True, check=True, text=True).stderr
    found = [(one[2], int(one[1]) / 1000) for line in told.splitlines() if (one := _IMPORT.match(line))]
    return sorted(found, key=lambda one: -one[1])[:count]


def ready(base: Path) -> float:
    """Seconds from the start of the process until it says that it is ready."""
    port = 18501
    command = [sys.executable, "-m", "tfmodel_runtime.main", f"--model_base_path={base}", "--bind_address=127.0.0.1"]
    begun = time.perf_counter()
    with subprocess.Popen([*command, "--port=0", f"--rest_api_port={port}", "--drain_delay=0s"], stderr=-3) as process:
        try:
            while time.perf_counter() - begun < _READY_SECONDS:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                        return time.perf_counter() - begun
                except (urllib.error.URLError, OSError):
                    time.sleep(0.005)
            raise TimeoutError("the server did not become ready")
        finally:
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder that holds the version folders")
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    version = max((path for path in asked.folder.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n| stage | ms | PSS after it, MB |\n|---|---|---|")
    for name, milliseconds, memory in stages(version, asked.runs):
        print(f"| {name} | {milliseconds:.0f} | {memory:.0f} |")
    print(
        f"\nstart to ready: {min(ready(asked.folder) for _ in range(asked.runs)):.2f} s\n\n| import | ms, with what it imports |\n|---|---|"
    )
    for module, milliseconds in imports(12):
        print(f"| {module} | {milliseconds:.0f} |")


if __name__ == "__main__":
    main()
