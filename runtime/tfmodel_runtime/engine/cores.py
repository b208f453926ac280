"""How many cores the process may use: those that it may run on, or what its cgroup's quota lets it have of them."""

import math
import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def cores(root: Path = _ROOT, *, processes: int = 1) -> int:
    """The share of each of so many processes, at least one. 1.5 cores count as two: what runs at once is throttled, not queued twice."""
    allowed = len(os.sched_getaffinity(0))
    quota = _quota(root)
    return max(1, math.ceil((allowed if quota is None else min(allowed, quota)) / processes))


def _quota(root: Path) -> float | None:
    """Cores by the quota of cgroup v2 (cpu.max) or v1; None if there is none."""
    try:
        quota, _, period = (root / "cpu.max").read_text().partition(" ")
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:
        micros = int((root / "cpu" / "cpu.cfs_quota_us").read_text())
        return micros / int((root / "cpu" / "cpu.cfs_period_us").read_text()) if micros > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
