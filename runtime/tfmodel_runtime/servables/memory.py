"""Whether another version fits into the memory that the process may use.

The limit is the control group's (version 2 or 1). What a version needs is estimated as TensorFlow Serving does, from its size on
disk (servables/tensorflow/util.cc, EstimateResourceFromPathUsingDiskState), less what lies in assets.extra: the model in other formats,
which is never loaded, may be several times as large. Loads that could exceed the limit together take turns.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

_MULTIPLIER = 1.2
_CARRIED = "assets.extra"
_MIB = 2**20
_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "file"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
        "total_cache",
    ),
)
_NO_LIMIT = 2**60
Turn = Callable[[], AbstractAsyncContextManager[None]]


def free_bytes() -> int | None:
    """Bytes that the control group still allows, what the kernel caches counted as free; None if there is no limit."""
    for limit_file, usage_file, stat_file, cached in _GROUPS:
        try:
            limit = Path(limit_file).read_text().strip()
            if limit == "max" or int(limit) >= _NO_LIMIT:
                return None
            stat = dict(line.split() for line in Path(stat_file).read_text().splitlines())
            return int(limit) - int(Path(usage_file).read_text()) + int(stat.get(cached, 0))
        except (OSError, ValueError):
            continue
    return None


def needed_bytes(path: Path) -> int:
    """Bytes of memory that the version in a folder is expected to need."""
    carried = path / _CARRIED
    loaded = (found for found in path.rglob("*") if carried not in found.parents and found.is_file())
    return int(sum(found.stat().st_size for found in loaded) * _MULTIPLIER)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a version fits: `fits`, or does once others are unloaded (`fits_after_unloading`), or not, for a `reason`."""

    fits: bool = True
    fits_after_unloading: bool = True
    reason: str = ""


class Room:
    """Memory for loads. `free` tells how many bytes there are, None if there is no limit; `turn` keeps other processes from loading."""

    def __init__(self, free: Callable[[], int | None] = free_bytes, turn: Turn = nullcontext) -> None:
        self._free = free
        self._turn = asyncio.Lock()
        self._turn_of_processes = turn

    @asynccontextmanager
    async def reserved(self, path: Path, reclaimable: Sequence[Path] = ()) -> AsyncIterator[Verdict]:
        """Room for the version in a folder during its load. The versions in the folders `reclaimable` can be unloaded for it."""
        if self._free() is None:
            yield Verdict()
            return
        async with self._turn, self._turn_of_processes():
            needed = await asyncio.to_thread(needed_bytes, path)
            gained = await asyncio.to_thread(lambda: sum(map(needed_bytes, reclaimable)))
            yield verdict(needed, self._free() or 0, gained)


def verdict(needed: int, free: int, reclaimable: int) -> Verdict:
    """Whether what needs so many bytes fits into those that are free."""
    if needed <= free:
        return Verdict()
    reason = (
        f"it needs about {needed // _MIB} MiB, and {max(0, free) // _MIB} MiB are left of the memory limit: "
        "raise serving.resources.limits.memory, or serve fewer versions"
    )
    return Verdict(fits=False, fits_after_unloading=needed <= free + reclaimable, reason=reason)
