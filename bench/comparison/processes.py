"""What a server's processes use, all together.

They are found by a variable in their environment, and not by their parents: Ray's workers and a container's processes are not
below the process that was started.
"""

import os
import re
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from comparison.peers import MARK

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_SIZE = re.compile(r"^(Rss|Pss|Pss_Dirty|Anonymous): +(\d+) kB$", re.MULTILINE)
_MB = 1_000_000
# Places in /proc/<pid>/stat after the name's closing bracket (proc(5)): utime, stime, cutime, cstime.
_TIMES = slice(11, 15)


@dataclass(frozen=True, slots=True)
class Memory:
    """MB of 10^6 bytes; a page that n processes share counts 1/n in each one's `pss`."""

    pss_mb: float
    rss_mb: float
    processes: int


def of(token: str) -> list[int]:
    """The processes of the server that was started with this token."""
    wanted = f"{MARK}={token}".encode()
    return [pid for pid, environment in _environments() if wanted in environment.split(b"\0")]


def _environments() -> Iterator[tuple[int, bytes]]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / "environ").read_bytes()
            except OSError:
                continue


def cpu_seconds(token: str) -> float:
    """User and system time of all of them, with what their ended children used."""
    return sum(_ticks(pid) for pid in of(token)) / _TICKS


def _ticks(pid: int) -> int:
    return sum(int(field) for field in _text(pid, "stat").rpartition(")")[2].split()[_TIMES])


def memory(token: str) -> Memory:
    pids = of(token)
    mappings = [mapping for pid in pids for mapping in read_mappings(_text(pid, "smaps"))]
    rss = sum(one.resident for one in mappings)
    return Memory(own_bytes(mappings) / _MB, rss / _MB, len(pids))


@dataclass(frozen=True, slots=True)
class Mapping:
    """A part of a process's memory, bytes. `file` is device, inode and offset; None where no file is behind it."""

    file: tuple[str, str, str] | None
    resident: int
    proportional: int
    anonymous: int
    """Of the resident, what is no page of the file any more, such as what was written to."""
    own: int
    """This process's share of that: what was written before a fork belongs to several."""


def read_mappings(smaps: str) -> Iterator[Mapping]:
    """The mappings in the text of /proc/<pid>/smaps (proc(5))."""
    for part in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", smaps, flags=re.MULTILINE)[1:]:
        _, _, offset, device, inode, *_ = part.split("\n", 1)[0].split()
        sizes = {name: int(size) * 1024 for name, size in _SIZE.findall(part)}
        file = None if inode == "0" else (device, inode, offset)
        anonymous = sizes.get("Anonymous", 0)
        own = sizes.get("Pss_Dirty", anonymous)
        yield Mapping(file, sizes.get("Rss", 0), sizes.get("Pss", 0), anonymous, own)


def own_bytes(mappings: Iterable[Mapping]) -> int:
    """The proportional set size of these mappings' processes, as if no other process had mapped their files.

    The kernel's own figure falls when anything else on the machine has TensorFlow's library open, which another server of the
    same environment's cache, or a test run, has. So a file's pages count once, and the rest as the kernel counts it.
    """
    shared: dict[tuple[str, str, str], int] = {}
    total = 0
    for one in mappings:
        if one.file is None:
            total += one.proportional
        else:
            total += one.own
            shared[one.file] = max(shared.get(one.file, 0), one.resident - one.anonymous)
    return total + sum(shared.values())


def _text(pid: int, name: str) -> str:
    try:
        return (_PROC / str(pid) / name).read_text()
    except OSError:
        return ""


def end(token: str, *, grace_seconds: float) -> None:
    """Asks all of them to end, and makes those end that have not after the grace."""
    deadline = time.monotonic() + grace_seconds
    _signal(token, signal.SIGTERM)
    while of(token) and time.monotonic() < deadline:
        time.sleep(0.1)
    _signal(token, signal.SIGKILL)


def _signal(token: str, number: signal.Signals) -> None:
    for pid in of(token):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
