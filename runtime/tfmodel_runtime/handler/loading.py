"""A handler file as an object: imported aside, so that a file that cannot be used replaces nothing."""

import contextlib
import importlib.util
import inspect
import itertools
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from tfmodel.serving import TfServingBaseService
from tfmodel_runtime.errors import RuntimeFault

_MOST_FILE_BYTES = 2**20
_MOST_PIXELS = 64 * 2**20
_numbers = itertools.count(1)


class HandlerLoadError(RuntimeFault):
    """A handler file cannot be used; the text says why."""


def load(path: Path, source: str, *, model_name: str, model_path: str) -> TfServingBaseService:
    """An object of the one class in a handler file that subclasses TfServingBaseService.

    Raises:
        HandlerLoadError: the file cannot be imported, or holds no such class, or several.
    """
    if len(source.encode()) > _MOST_FILE_BYTES:
        raise HandlerLoadError(f"handler {path.name} is larger than {_MOST_FILE_BYTES} bytes")
    module = _imported(path, source)
    found = _class_in(module, path.name)
    try:
        made: TfServingBaseService = found(model_name, model_path)
    except (Exception, SystemExit) as error:
        raise HandlerLoadError(f"handler {path.name}: {found.__name__} cannot be made: {_told(error)}") from error
    return made


def _imported(path: Path, source: str) -> ModuleType:
    name = f"tfmodel_handler_{next(_numbers)}"
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(path))
    if spec is None:
        raise HandlerLoadError(f"handler {path.name} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - running the user's file is what it is for
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise HandlerLoadError(f"handler {path.name} cannot be imported: {_told(error)}") from error
    _bound_images()
    return module


def _class_in(module: ModuleType, name: str) -> Any:
    found = [
        one
        for one in vars(module).values()
        if inspect.isclass(one) and issubclass(one, TfServingBaseService) and one.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise HandlerLoadError(
            f"handler {name} must hold one class that subclasses TfServingBaseService, and it holds {len(found)}"
        )
    return found[0]


def _bound_images() -> None:
    """A small file must not become an image that fills the memory."""
    with contextlib.suppress(ImportError):
        from PIL import Image  # noqa: PLC0415 - only where a handler may use it

        Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
        warnings.simplefilter("error", Image.DecompressionBombWarning)


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
