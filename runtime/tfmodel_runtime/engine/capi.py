"""TensorFlow's C API, out of the installed wheel, by ctypes: without the two seconds and 200 MB of `import tensorflow`.

Declarations follow tensorflow/c/c_api.h and tf_tensor.h of the pinned release. The library is opened with RTLD_LOCAL: with
its symbols global the process crashes when other native extensions are loaded after it.
"""

import ctypes
import os
from functools import cache
from typing import Any

from tfmodel_runtime.engine import opening

TSTRING_BYTES = 24


class Output(ctypes.Structure):
    """TF_Output: one output of an operation."""

    _fields_ = (("oper", ctypes.c_void_p), ("index", ctypes.c_int))


class Buffer(ctypes.Structure):
    """TF_Buffer: bytes that the library owns."""

    _fields_ = (("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("deallocator", ctypes.c_void_p))


_POINTER = ctypes.c_void_p
_SIZE = ctypes.c_size_t
_INT = ctypes.c_int
_TEXT = ctypes.c_char_p
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "TF_Version": (_TEXT, ()),
    "TF_GetAllOpList": (ctypes.POINTER(Buffer), ()),
    "TF_NewStatus": (_POINTER, ()),
    "TF_DeleteStatus": (None, (_POINTER,)),
    "TF_GetCode": (_INT, (_POINTER,)),
    "TF_Message": (_TEXT, (_POINTER,)),
    "TF_NewBuffer": (ctypes.POINTER(Buffer), ()),
    "TF_NewBufferFromString": (ctypes.POINTER(Buffer), (_TEXT, _SIZE)),
    "TF_DeleteBuffer": (None, (ctypes.POINTER(Buffer),)),
    "TF_NewGraph": (_POINTER, ()),
    "TF_DeleteGraph": (None, (_POINTER,)),
    "TF_GraphOperationByName": (_POINTER, (_POINTER, _TEXT)),
    "TF_OperationNumOutputs": (_INT, (_POINTER,)),
    "TF_NewSessionOptions": (_POINTER, ()),
    "TF_DeleteSessionOptions": (None, (_POINTER,)),
    "TF_SetConfig": (None, (_POINTER, _TEXT, _SIZE, _POINTER)),
    "TF_LoadSessionFromSavedModel": (
        _POINTER,
        (
            _POINTER,
            ctypes.POINTER(Buffer),
            _TEXT,
            ctypes.POINTER(_TEXT),
            _INT,
            _POINTER,
            ctypes.POINTER(Buffer),
            _POINTER,
        ),
    ),
    "TF_NewImportGraphDefOptions": (_POINTER, ()),
    "TF_DeleteImportGraphDefOptions": (None, (_POINTER,)),
    "TF_GraphImportGraphDef": (None, (_POINTER, ctypes.POINTER(Buffer), _POINTER, _POINTER)),
    "TF_NewSession": (_POINTER, (_POINTER, _POINTER, _POINTER)),
    "TF_CloseSession": (None, (_POINTER, _POINTER)),
    "TF_DeleteSession": (None, (_POINTER, _POINTER)),
    "TF_SessionRun": (
        None,
        (
            _POINTER,
            ctypes.POINTER(Buffer),
            ctypes.POINTER(Output),
            ctypes.POINTER(_POINTER),
            _INT,
            ctypes.POINTER(Output),
            ctypes.POINTER(_POINTER),
            _INT,
            _POINTER,
            _INT,
            ctypes.POINTER(Buffer),
            _POINTER,
        ),
    ),
    "TF_AllocateTensor": (_POINTER, (_INT, ctypes.POINTER(ctypes.c_int64), _INT, _SIZE)),
    "TF_DeleteTensor": (None, (_POINTER,)),
    "TF_TensorType": (_INT, (_POINTER,)),
    "TF_NumDims": (_INT, (_POINTER,)),
    "TF_Dim": (ctypes.c_int64, (_POINTER, _INT)),
    "TF_TensorByteSize": (_SIZE, (_POINTER,)),
    "TF_TensorData": (_POINTER, (_POINTER,)),
    "TF_StringInit": (None, (_POINTER,)),
    "TF_StringCopy": (None, (_POINTER, _TEXT, _SIZE)),
    "TF_StringGetDataPointer": (_POINTER, (_POINTER,)),
    "TF_StringGetSize": (_SIZE, (_POINTER,)),
    "TF_StringDealloc": (None, (_POINTER,)),
}


@cache
def library() -> Any:
    """The library with its functions declared.

    Raises:
        TensorFlowMissingError: the wheel is not installed.
    """
    opened = opening.library()
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(opened, name)
        function.restype = result
        function.argtypes = arguments
    return opened


def let_xla_compile() -> None:
    """Lets sessions that ask for it compile for the CPU (compiler/jit/flags.cc). To be called before the library is opened."""
    os.environ["TF_XLA_FLAGS"] = f"{os.environ.get('TF_XLA_FLAGS', '')} --tf_xla_cpu_global_jit".strip()


def let_onednn_run() -> None:
    """Lets oneDNN's operations run on every processor (util/util.cc). To be called before the library is opened.

    TensorFlow's own default leaves them off where a processor has no AVX-512 VNNI. There too they take a quarter off the time of
    convolutions whose weights are constants. Whoever runs the process may say otherwise.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def version() -> str:
    """TensorFlow's version."""
    return str(library().TF_Version().decode())


class Status:
    """TF_Status: the outcome of a call. Freed with the object."""

    def __init__(self) -> None:
        self._library = library()
        self.pointer = self._library.TF_NewStatus()

    def __del__(self) -> None:
        self._library.TF_DeleteStatus(self.pointer)

    @property
    def code(self) -> int:
        """Canonical code; 0 is OK."""
        return int(self._library.TF_GetCode(self.pointer))

    @property
    def message(self) -> str:
        """What TensorFlow says; bytes that are no UTF-8 are replaced."""
        return str(self._library.TF_Message(self.pointer).decode(errors="replace"))
