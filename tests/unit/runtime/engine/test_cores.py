"""Cores by the process's affinity and its cgroup's quota."""

import os
from pathlib import Path

import pytest

from tfmodel_runtime.engine.cores import cores


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)))


@pytest.mark.parametrize(
    ("text", "found"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8)],
)
def test_a_quota_bounds_the_cores(tmp_path: Path, text: str, found: int) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cores(tmp_path) == found


@pytest.mark.parametrize(("quota", "found"), [("-1", 8), ("300000", 3)])
def test_the_first_version_of_cgroups_has_its_own_files(tmp_path: Path, quota: str, found: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert cores(tmp_path) == found


def test_without_cgroups_the_affinity_counts(tmp_path: Path) -> None:
    assert cores(tmp_path) == 8


@pytest.mark.parametrize(
    ("quota", "processes", "found"), [("max", 2, 4), ("max", 3, 3), ("150000", 2, 1), ("100000", 4, 1)]
)
def test_processes_share_the_cores(tmp_path: Path, quota: str, processes: int, found: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota} 100000")
    assert cores(tmp_path, processes=processes) == found
