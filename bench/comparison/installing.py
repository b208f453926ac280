"""Each peer in a virtual environment of its own, in the cache: of pinned versions, made once, by uv."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from comparison.peers import Peer

_LIMIT_SECONDS = 1200


class InstallError(Exception):
    """A peer cannot be installed; the text is the last that uv said."""


def environment_of(peer: Peer, cache: Path) -> Path:
    """The Python of the peer's environment, which is made if it is not there as it should be.

    Raises:
        InstallError: it cannot be made.
    """
    folder = cache / "venvs" / peer.name
    python, stamp = folder / "bin" / "python", folder / ".stamp"
    wanted = hashlib.sha256(peer.requirements.read_bytes() + peer.python.encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        _uv(cache, "venv", "--quiet", "--clear", "--python", peer.python, str(folder))
        _uv(cache, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(peer.requirements))
        stamp.write_text(wanted)
    return python


def _uv(cache: Path, *arguments: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    environment = {**os.environ, "UV_CACHE_DIR": str(cache.parent / "uv"), "UV_PYTHON_DOWNLOADS": "never"}
    if Path("/etc/ssl/certs/ca-certificates.crt").is_file():
        environment["UV_SYSTEM_CERTS"] = "1"
    try:
        done = subprocess.run(
            [str(uv), *arguments], env=environment, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"uv {arguments[0]}: {error}") from error
    if done.returncode:
        raise InstallError(f"uv {' '.join(arguments[:2])}: {done.stderr.strip()[-300:]}")


_ASK_VERSIONS = """
import importlib.metadata as found, platform, sys
print("python", platform.python_version())
for name in sys.argv[1:]:
    print(name, found.version(name))
"""


def versions(python: Path, packages: tuple[str, ...]) -> str:
    """Versions of packages in an environment, in words."""
    done = subprocess.run(
        [str(python), "-c", _ASK_VERSIONS, *packages], capture_output=True, text=True, timeout=60, check=False
    )
    return ", ".join(done.stdout.splitlines()) if done.returncode == 0 else f"unknown: {done.stderr[-100:]}"
