"""The machine that a run takes place on, in words."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def described() -> dict[str, Any]:
    """Processor, cores that may be used, memory, kernel, and the load before the run."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_GiB": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def load_figures(loads: Sequence[float]) -> dict[str, float]:
    """Load averages that were seen during the run: the middle one and the highest. The client and the server are among them."""
    if not loads:
        return {}
    return {"load_middle": round(sorted(loads)[len(loads) // 2], 2), "load_most": round(max(loads), 2)}
