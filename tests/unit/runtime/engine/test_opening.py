"""TensorFlow's library is opened beside the imports: neither may wait for the other."""

import functools
import importlib.util
import subprocess
import sys

import pytest

from tfmodel_runtime.engine import opening

_LATE = """
import importlib, sys, tfmodel_runtime.main
from tfmodel_runtime.engine import opening
def extensions():
    return {name for name, module in sys.modules.items() if str(getattr(module, "__file__", "")).endswith(".so")}
for name in opening.EXTENSIONS:
    importlib.import_module(name)
before = extensions()
import tfmodel_runtime.composition
print(*sorted(extensions() - before))
"""
_BESIDE = """
import threading
from tfmodel_runtime.engine import capi, opening
opening.begin()
thread = threading.enumerate()[-1]
looks = 0
while thread.is_alive():
    looks += "libtensorflow_cc" in open("/proc/self/maps").read()
print(looks, capi.version())
"""


def told(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_no_extension_module_is_left_to_be_imported_while_the_library_is_opened() -> None:
    assert told(_LATE).split() == []


def test_python_goes_on_meanwhile_and_the_library_is_the_one_that_is_used() -> None:
    """Many looks find it half opened; with the interpreter's lock held the first that finds it is among the last."""
    looks, version = told(_BESIDE).split()
    assert int(looks) > 50
    assert version.startswith("2.")


def test_a_library_that_is_open_is_left_alone() -> None:
    """A process that others are forked from must have no thread in the loader."""
    opening.library()
    opening.begin()
    assert opening._threads == []


def test_without_tensorflow_nothing_is_begun_and_the_library_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(opening, "_threads", [])
    monkeypatch.setattr(opening, "library", functools.cache(opening.library.__wrapped__))
    opening.begin()
    assert opening._threads == []
    with pytest.raises(opening.TensorFlowMissingError, match="pip install 'tfmodel\\[runtime\\]'"):
        opening.library()
