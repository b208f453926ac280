"""What is installed is what each image needs: the wheel with one extra, in an environment of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
UV = Path(sys.executable).with_name("uv")
IMPORT_ALL = """
import importlib, pkgutil, sys
for package in sys.argv[1].split(","):
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        importlib.import_module(found.name)
print("imported", [name for name in ("tensorflow", "kopf", "kubernetes") if name in sys.modules])
"""


def uv(*args: str) -> None:
    done = subprocess.run([UV, *args], capture_output=True, text=True, cwd=REPOSITORY, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(folder))
    [made] = folder.glob("*.whl")
    return made


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("extra", "packages", "there"),
    [
        ("operator", "tfmodel.api,tfmodel_operator", "['kopf']"),
        ("runtime", "tfmodel.wire,tfmodel.store,tfmodel_runtime", "[]"),
    ],
)
def test_one_extra_is_enough(wheel: Path, tmp_path: Path, extra: str, packages: str, there: str) -> None:
    uv("venv", "--python", sys.executable, str(tmp_path / "venv"))
    python = tmp_path / "venv" / "bin" / "python"
    uv("pip", "sync", "--require-hashes", "--python", str(python), f"requirements/{extra}.txt")
    uv("pip", "install", "--no-deps", "--python", str(python), str(wheel))
    done = subprocess.run(
        [python, "-c", IMPORT_ALL, packages], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"imported {there}"
