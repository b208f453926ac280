"""What each Python of the tests does as it starts: imports that are large cost two thirds, because they take in what an image has.

Keras imports scikit-learn and matplotlib where it finds them, and kopf the Kubernetes client; no image has these, only tests and figures
need them. And the collector goes through half a million objects of TensorFlow's again and again that are all kept.
"""

import gc
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

_KERAS_TAKES = ("sklearn", "matplotlib")
_IN_NO_IMAGE = {"tensorflow": _KERAS_TAKES, "keras": _KERAS_TAKES, "kopf": ("kubernetes",)}


class _Lightly(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        hidden = [name for name in _IN_NO_IMAGE[module.__name__] if name not in sys.modules]
        collects = gc.isenabled()
        gc.disable()
        sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python is told that there is none
        try:
            super().exec_module(module)
        finally:
            for name in hidden:
                del sys.modules[name]
            if collects:
                gc.enable()


class _Finder:
    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        found = PathFinder.find_spec(name, path, target) if name in _IN_NO_IMAGE else None
        if found is not None and isinstance(found.loader, SourceFileLoader):
            found.loader = _Lightly(found.loader.name, found.loader.path)
        return found


sys.meta_path.insert(0, _Finder)
