"""What a server could reach at most: the model called in process, frozen as the runtime serves it, by one thread on one core.

Run with the Python of the checkout that is measured: limit.py SAVED_MODEL ROW.npy SECONDS ROWS... It prints JSON, a list of
[rows of a call, rows a second, CPU ms a row].
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from tfmodel_runtime.engine import capi
from tfmodel_runtime.engine.loader import EngineLoader, Options
from tfmodel_runtime.engine.optimize import Work, frozen_graph, program_of


def main(path: str, row_file: str, seconds: float, counts: list[int]) -> None:
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    capi.let_onednn_run()
    model = EngineLoader(Options(intra_op_threads=1, inter_op_threads=1)).load(Path(path))
    work = Work(model, Path(path), intra_op_threads=1, inter_op_threads=1)
    frozen = program_of(work, frozen_graph(work), is_compiled=False)
    signature, row = model.signatures["serving_default"], np.load(row_file)
    found = []
    for rows in counts:
        feeds = {"x": np.ascontiguousarray(np.repeat(row, rows, 0))}
        for _ in range(3):
            model.run(signature, feeds, program=frozen)
        calls, begun, used = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - begun < seconds:
            model.run(signature, feeds, program=frozen)
            calls += 1
        wall, cpu = time.perf_counter() - begun, time.process_time() - used
        found.append([rows, calls * rows / wall, cpu / calls / rows * 1e3])
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), [int(one) for one in sys.argv[4:]])
