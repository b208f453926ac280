"""The kinds of operations that the installed TensorFlow has."""

import ctypes
from functools import cache
from typing import Any

from tfmodel.wire import messages
from tfmodel_runtime.engine import capi


def known() -> frozenset[str]:
    """All of them."""
    return frozenset(op.name for op in _listed().op)


@cache
def stateful() -> frozenset[str]:
    """Those that TensorFlow registers as having a state: what they do or give depends on more than their inputs."""
    return frozenset(op.name for op in _listed().op if op.is_stateful)


def _listed() -> Any:
    found = capi.library().TF_GetAllOpList()
    try:
        text = ctypes.string_at(found.contents.data, found.contents.length)
    finally:
        capi.library().TF_DeleteBuffer(found)
    return messages.OpList.FromString(text)
