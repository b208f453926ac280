"""`--optimize` on a real server: equal answers in each mode, a swap that no request notices, and what is told where it is not done."""

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from testkit.served import Served, serving
from tfmodel_runtime.engine.saved_model import SavedModel

_INFO = re.compile(r"tfmodel_runtime_version_optimization_info\{(.*)\} 1\.0")


def what_is_told(served: Served) -> str:
    """The metric's labels, once there are any: while it is optimised, nothing is told."""
    for _ in range(1200):
        found = _INFO.search(served.text("/metrics"))
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"nothing was told:\n{served.log()}")


def in_process(path: Path, rows: np.ndarray) -> np.ndarray:
    model = SavedModel.load(path)
    found = model.run(model.signatures["serving_default"], {"x": rows})["y"]
    model.close()
    return found


@pytest.mark.parametrize("mode", ["None", "Graph", "XLA"])
def test_answers_are_those_of_the_saved_model_in_each_mode(mode: str, saved_models: Path, tmp_path: Path) -> None:
    rows = np.random.default_rng(5).uniform(-2, 2, (6, 4)).astype(np.float32)
    wanted = in_process(saved_models / "deep" / "1", rows)
    with serving(saved_models / "deep", tmp_path / "log", f"--optimize={mode}") as served:
        told = "" if mode == "None" else what_is_told(served)
        status, answer = served.ask("/v1/models/m:predict", {"instances": rows.tolist()})
        metrics = served.text("/metrics")
    assert status == 200
    np.testing.assert_allclose(answer["predictions"], wanted, rtol=1e-4, atol=1e-5)
    if mode == "None":
        assert not _INFO.search(metrics)
    else:
        assert re.search(r'reason="(NotFaster)?".*used="(None|Graph|XLA)"', told), told


def test_no_request_fails_or_changes_while_the_graph_is_swapped(saved_models: Path, tmp_path: Path) -> None:
    rows = np.ones((2, 4), np.float32)
    wanted = in_process(saved_models / "deep" / "1", rows)
    stop, wrong, count = threading.Event(), [], [0, 0]

    def ask(served: Served, worker: int) -> None:
        while not stop.is_set():
            status, answer = served.ask("/v1/models/m:predict", {"instances": rows.tolist()})
            count[worker] += 1
            if status != 200 or not np.allclose(answer["predictions"], wanted, rtol=1e-4, atol=1e-5):
                wrong.append((status, answer))

    with serving(saved_models / "deep", tmp_path / "log") as served:
        workers = [threading.Thread(target=ask, args=(served, number)) for number in range(2)]
        for worker in workers:
            worker.start()
        told = what_is_told(served)
        so_far = sum(count)
        while sum(count) < so_far + 50 and not wrong:
            time.sleep(0.01)
        stop.set()
        for worker in workers:
            worker.join()
        assert served.stop() == 0
    assert wrong == []
    assert so_far > 0
    assert 'version="1"' in told


def test_a_model_with_a_state_answers_unfrozen_and_the_reason_is_told(types: Served) -> None:
    told = what_is_told(types)
    assert 'reason="Stateful"' in told
    assert 'used="None"' in told
    assert "has a state" in types.log()
    status, answer = types.ask("/v1/models/m:predict", {"signature_name": "checked", "instances": [1.5]})
    assert (status, answer) == (200, {"predictions": [1.5]})


def test_made_up_requests_never_reach_a_model_with_a_state(saved_models: Path, tmp_path: Path) -> None:
    """The warm-up asks once, as it does without --optimize; nothing is asked after that."""
    with serving(saved_models / "types", tmp_path / "log", "--optimize=None") as served:
        ask = {"signature_name": "count", "inputs": [0]}
        without = served.ask("/v1/models/m:predict", ask)[1]
    with serving(saved_models / "types", tmp_path / "log", "--optimize=Graph") as served:
        what_is_told(served)
        assert served.ask("/v1/models/m:predict", ask)[1] == without


def test_a_version_goes_while_it_is_optimised_and_the_server_ends_in_order(saved_models: Path, tmp_path: Path) -> None:
    with serving(saved_models / "deep", tmp_path / "log") as served:
        assert served.stop() == 0
    assert "Traceback" not in served.log()


@pytest.mark.parametrize(
    ("mode", "told"), [("TensorRT", "use Graph, or XLA"), ("graph", "expected None, Graph or XLA, got 'graph'")]
)
def test_a_mode_that_cannot_be_had_is_refused_by_name(mode: str, told: str, saved_models: Path) -> None:
    command = [sys.executable, "-m", "tfmodel_runtime.main", f"--model_base_path={saved_models}", f"--optimize={mode}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--optimize" in done.stderr
    assert told in done.stderr
