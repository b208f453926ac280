"""What `--optimize` gives: the processor time of a call as saved, frozen and compiled, and the memory before, during and after a swap.

    .venv/bin/python bench/optimize.py [MODEL ...]

Each model runs in a process of its own, with one thread inside an operation, in the caller's thread; the forms are called in turns and
the least time of each counts. The differences are the largest against the SavedModel, over the largest number of its answer.
"""

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from comparison.models import INPUT, MODELS, OUTPUT, made
from comparison.report import table
from tfmodel_runtime.engine import capi
from tfmodel_runtime.engine.loader import EngineLoader, Options
from tfmodel_runtime.engine.optimize import Work, frozen_graph, program_of
from tfmodel_runtime.engine.program import Program
from tfmodel_runtime.engine.saved_model import SavedModel

CACHE = Path(__file__).resolve().parents[1] / "bench" / "out"
_BATCHES = (1, 8, 32)
_SECONDS = 4.0
_FEWEST = 2


def rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def least_us(model: SavedModel, programs: list[Program], rows: np.ndarray) -> list[float]:
    """Microseconds of processor time of a call on each of the programs."""
    signature = model.signatures["serving_default"]
    found = [float("inf")] * len(programs)
    for one in programs:
        model.run(signature, {INPUT: rows}, program=one)
    end, turns = time.perf_counter() + _SECONDS, 0
    while turns < _FEWEST or time.perf_counter() < end:
        for number, one in enumerate(programs):
            begun = time.process_time()
            model.run(signature, {INPUT: rows}, program=one)
            found[number] = min(found[number], time.process_time() - begun)
        turns += 1
    return [seconds * 1e6 for seconds in found]


def difference(model: SavedModel, program: Program, rows: np.ndarray) -> float:
    signature = model.signatures["serving_default"]
    wanted = model.run(signature, {INPUT: rows})[OUTPUT]
    found = model.run(signature, {INPUT: rows}, program=program)[OUTPUT]
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def loaded(name: str) -> tuple[SavedModel, Work]:
    capi.let_onednn_run()
    version = made(MODELS[name], CACHE).version
    model = EngineLoader(Options(intra_op_threads=1, inter_op_threads=2)).load(version)
    return model, Work(model, version, intra_op_threads=1, inter_op_threads=2)


def times_of(name: str) -> None:
    """Prints one model's rows of the first table."""
    capi.let_xla_compile()
    model, work = loaded(name)
    graph = frozen_graph(work)
    programs = [model.program, *(program_of(work, graph, is_compiled=compiled) for compiled in (False, True))]
    for batch in _BATCHES:
        rows = np.random.default_rng(batch).uniform(0, 1, (batch, *MODELS[name].shape)).astype(np.float32)
        saved, graphed, compiled = least_us(model, programs, rows)
        away = " / ".join(f"{difference(model, one, rows):.0e}" for one in programs[1:])
        graph_cell, xla_cell = (f"{us:.0f} ({us / saved:.2f})" for us in (graphed, compiled))
        print(name, batch, f"{saved:.0f}", graph_cell, xla_cell, away, sep="|")


def memory_of(name: str) -> None:
    """Prints one model's row of the second table."""
    model, work = loaded(name)
    before, begun, used = rss_mib(), time.perf_counter(), time.process_time()
    frozen = program_of(work, frozen_graph(work), is_compiled=False)
    row = made(MODELS[name], CACHE).row
    model.run(model.signatures["serving_default"], {INPUT: row}, program=frozen)
    took, cpu, during = time.perf_counter() - begun, time.process_time() - used, rss_mib()
    model.exchange(frozen)  # what it gives back is dropped here, and freed with that
    ctypes.CDLL(None).malloc_trim(0)
    print(name, f"{took:.2f}", f"{cpu:.2f}", *(f"{mib:.0f}" for mib in (before, during, rss_mib())), sep="|")


def told_by(task: str, name: str) -> list[list[str]]:
    command = [sys.executable, __file__, task, name]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split("|") for line in told.splitlines()]


def main(names: list[str]) -> None:
    times = [row for name in names for row in told_by("--times", name)]
    memory = [row for name in names for row in told_by("--memory", name)]
    print(table(["model", "rows", "None, us", "Graph, us (ratio)", "XLA, us (ratio)", "difference Graph / XLA"], times))
    print()
    head = [
        "model",
        "freezing and first call, s",
        "of it processor, s",
        "RSS before, MiB",
        "with both",
        "after the swap",
    ]
    print(table(head, memory))


if __name__ == "__main__":
    tasks = {"--times": times_of, "--memory": memory_of}
    if sys.argv[1:2] and sys.argv[1] in tasks:
        tasks[sys.argv[1]](sys.argv[2])
    else:
        main(sys.argv[1:] or list(MODELS))
