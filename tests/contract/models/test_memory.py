"""What versions take of memory comes back when they are unloaded: a hundred reloads of a model of 16 MiB."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from testkit.served import Served, serving

RELOADS = 100
MOST_GROWTH = 1.05
LOOKS = 5


def resident_mib(served: Served) -> float:
    pages = int(Path(f"/proc/{served.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def reload(served: Served, base: Path, older: int) -> None:
    """Publishes the successor of a version, waits until it alone is served, asks it, and removes the version."""
    staging = base / ".staging"
    shutil.copytree(base / str(older), staging)
    staging.rename(base / str(older + 1))
    end = time.monotonic() + 60
    while states(served) != {str(older + 1): "AVAILABLE", str(older): "END"}:
        assert time.monotonic() < end, states(served)
        time.sleep(0.05)
    assert served.ask("/v1/models/m:predict", {"instances": [1.0]}) == (200, {"predictions": [2.5]})
    shutil.rmtree(base / str(older))


def states(served: Served) -> dict[str, str]:
    """The states of the two newest versions."""
    told = served.ask("/v1/models/m")[1]["model_version_status"]
    return {one["version"]: one["state"] for one in told[:2]}


def wait_until_settled(served: Served, version: int) -> None:
    """Until nothing works on a version any more: it is optimised while it answers, which takes copies of it for a moment."""
    end = time.monotonic() + 60
    while not is_settled(served, version):
        assert time.monotonic() < end, "the version is not optimised"
        time.sleep(0.1)


def is_settled(served: Served, version: int) -> bool:
    told = served.text("/metrics").splitlines()
    return any(
        line.startswith("tfmodel_runtime_version_optimization_info{") and f'version="{version}"' in line
        for line in told
    )


@pytest.mark.timeout(600)
def test_a_hundred_reloads_leave_the_memory_as_it_was(saved_models: Path, tmp_path: Path) -> None:
    """The least of five looks on either side, each once nothing works on the version."""
    base = tmp_path / "m"
    shutil.copytree(saved_models / "weighty", base)
    with serving(base, tmp_path / "log", is_forked=False) as served:
        resident = []
        for older in range(1, RELOADS + LOOKS + 1):
            reload(served, base, older)
            if not LOOKS < older <= RELOADS:
                wait_until_settled(served, older + 1)
            resident.append(resident_mib(served))
    before, after = min(resident[:LOOKS]), min(resident[-LOOKS:])
    assert after < before * MOST_GROWTH, resident
