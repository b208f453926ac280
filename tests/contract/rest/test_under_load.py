"""Versions swap and labels move while 20,000 requests come in over both protocols: none fails, each has the answer of one version."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from testkit.load import Load, grpc_predict, rest
from testkit.served import Served, serving

COUNT = 20_000
RESTARTS, SUCCESSORS = 5, 1000
BEFORE, AFTER = 3.0, 4.0


def wait_for(load: Load, count: int) -> None:
    while load.count < count and not load.failures:
        time.sleep(0.05)


def everyone(served: Served) -> list:
    paths = ["/v1/models/m:predict", "/v1/models/m/labels/stable:predict"]
    return [
        *(rest(served.rest_port, path, 2.0, keeps=keeps) for path in paths for keeps in (True, False)),
        grpc_predict(served.grpc_port, "m", 2.0, keeps=True),
        grpc_predict(served.grpc_port, "m", 2.0, keeps=True, label="stable"),
        grpc_predict(served.grpc_port, "m", 2.0, keeps=False),
    ]


def config(base: Path, stable: int) -> str:
    return (
        f'model_config_list {{ config {{ name: "m" base_path: "{base}" model_platform: "tensorflow" '
        f"version_labels {{ key: 'stable' value: {stable} }} }} }}"
    )


@pytest.mark.timeout(600)
def test_swaps_and_label_moves_lose_no_request(saved_models: Path, tmp_path: Path) -> None:
    base, file = tmp_path / "m", tmp_path / "models.config"
    shutil.copytree(saved_models / "half_plus_two" / "1", base / "1")
    file.write_text(config(base, 1))
    flags = (f"--model_config_file={file}", "--model_config_file_poll_wait_seconds=0.1")
    with serving(tmp_path / "ignored", tmp_path / "log", *flags) as served, Load(everyone(served)) as load:
        version, step = 1, COUNT // 10
        for number in range(10):
            wait_for(load, (number + 1) * step)
            newer, source = version + 1, ("half_plus_three", "half_plus_two")[number % 2]
            staging = tmp_path / "staging"
            shutil.copytree(saved_models / source / ("2" if source == "half_plus_three" else "1"), staging)
            staging.rename(base / str(newer))
            file.write_text(config(base, newer))
            version = newer
        wait_for(load, load.count + step)
    assert load.failures == []
    assert load.count >= COUNT
    assert set(load.answers) == {BEFORE, AFTER}


@pytest.mark.timeout(900)
def test_restarts_with_a_successor_lose_no_request(saved_models: Path, tmp_path: Path) -> None:
    """As a rolling update has it: readiness falls, balancers turn to the successor, the old one finishes what it has."""
    base, answered = saved_models / "half_plus_two", 0
    with ExitStack() as stack:
        old = stack.enter_context(serving(base, tmp_path / "log0", "--drain_delay=3s", is_forked=False))
        for number in range(1, RESTARTS + 1):
            new = stack.enter_context(serving(base, tmp_path / f"log{number}", "--drain_delay=3s", is_forked=False))
            answered += replace(old, new, COUNT // RESTARTS)
            old = new
    assert answered >= COUNT


def replace(old: Served, new: Served, count: int) -> int:
    """Ends a server while it is asked and another takes over; how many requests came through, none of which may fail."""
    with Load(everyone_of(old)) as load:
        wait_for(load, count - SUCCESSORS)
        old.process.terminate()
        while old.ask("/readyz")[0] == 200:
            time.sleep(0.01)
        with Load(everyone_of(new)) as successor:
            wait_for(load, load.count + 200)
            load.stop()
            wait_for(successor, SUCCESSORS)
    assert old.process.wait(60) == 0
    assert load.failures == successor.failures == []
    assert set(load.answers) == set(successor.answers) == {BEFORE}
    return load.count + successor.count


def everyone_of(served: Served) -> list:
    return [
        rest(served.rest_port, "/v1/models/m:predict", 2.0, keeps=True),
        rest(served.rest_port, "/v1/models/m:predict", 2.0, keeps=False),
        grpc_predict(served.grpc_port, "m", 2.0, keeps=True),
    ]
