"""Opens TensorFlow's library, which is the longest part of a start: a third of a second of relocations, on one core.

`begin` has a thread do it while the rest of the program is imported. Two locks would have each wait for the other: Python's, which
ctypes holds while it opens a library (CPython 3.11), so that the thread calls the C library's own `dlopen`; and that of the loader, which
opens one library at a time, so that the extension modules that the rest needs are imported before.
"""

import ctypes
import importlib.util
import os
import threading
from functools import cache
from importlib import import_module
from pathlib import Path

from tfmodel_runtime.engine import clean_pages

EXTENSIONS = (
    "numpy",
    "ml_dtypes",
    "google._upb._message",
    "google_crc32c",
    "httptools",
    "orjson",
    "csimdjson",
    "uvloop",
    "bz2",
    "_csv",
    "hashlib",
    "lzma",
    "mmap",
    "_multiprocessing",
    "_pickle",
    "random",
    "resource",
    "zlib",
)
"""What brings the extension modules that `tfmodel_runtime.composition` needs."""
_MODE = os.RTLD_LOCAL | os.RTLD_NOW
_threads: list[threading.Thread] = []


class TensorFlowMissingError(Exception):
    """No TensorFlow is installed beside this program."""


def begin() -> None:
    """Opens the library in a thread, unless it is open; if there is none, `library` tells it."""
    if library.cache_info().currsize:
        return
    try:
        path = _path()
    except TensorFlowMissingError:
        return
    for name in EXTENSIONS:
        import_module(name)
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    thread = threading.Thread(target=dlopen, args=(bytes(path), _MODE), name="opening", daemon=True)
    _threads.append(thread)
    thread.start()


@cache
def library() -> ctypes.CDLL:
    """The library; where `begin` is opening it, that is waited for.

    Raises:
        TensorFlowMissingError: the wheel is not installed.
        OSError: the library cannot be opened.
    """
    path = _path()
    while _threads:
        _threads.pop().join()
    opened = ctypes.CDLL(str(path), mode=_MODE)
    clean_pages.let_go(path.parent)
    return opened


def _path() -> Path:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # With oneDNN, TensorFlow keeps what it frees in a pool of its own (mkl_cpu_allocator.h): an unloaded version would not come back.
    os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or not spec.submodule_search_locations:
        raise TensorFlowMissingError("no TensorFlow is installed: pip install 'tfmodel[runtime]'")
    return Path(spec.submodule_search_locations[0]) / "libtensorflow_cc.so.2"
