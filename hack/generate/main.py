"""Writes every generated file, or with --check tells which differ. Run by `make generate` and `make check`.

Each generator gives the files it makes as a mapping of path to content; nothing is written that is not in one of them.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import chart
import crd
import dashboard
import examples
import programs
import reference
import wire


def files() -> dict[Path, bytes]:
    """Every generated file and what it should hold."""
    return {
        **crd.files(),
        **chart.files(),
        **dashboard.files(),
        **examples.files(),
        **programs.files(),
        **reference.files(),
        **wire.files(),
    }


def main() -> int:
    """Writes the files that differ; with --check writes nothing and fails if one does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only tell what differs")
    is_check = parser.parse_args().check
    stale = {path: content for path, content in files().items() if not path.exists() or path.read_bytes() != content}
    for path, content in stale.items():
        print(f"{'differs' if is_check else 'written'}: {path.relative_to(Path(__file__).resolve().parents[2])}")
        if not is_check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
