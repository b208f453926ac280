"""A SavedModel: loaded once, run by many threads, closed when nobody holds it any more.

TensorFlow's C++ loader restores the variables and runs the initialisers, as in TensorFlow Serving. A run takes place in the
caller's thread (`inter_op_thread_pool: -1`) and without Python's lock. Inputs are never cast: what does not have the
signature's type is refused before it gets here.
"""

import contextlib
import ctypes
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmodel.wire import messages
from tfmodel_runtime.engine.capi import Buffer, Output, Status, library
from tfmodel_runtime.engine.signature import Signature, TensorSpec, signatures_of
from tfmodel_runtime.engine.tensors import Array, InputTensor, read
from tfmodel_runtime.errors import ExecutionError, InvalidInputError, LoadError

_UNKNOWN = 2


class SavedModel:
    """A loaded SavedModel. Make one with `load`."""

    def __init__(self, session: int, graph: int, meta_graph: Any) -> None:
        self._library = library()
        self._session = session
        self._graph = graph
        self.signature_defs: Mapping[str, Any] = meta_graph.signature_def
        self.tensorflow_version: str = meta_graph.meta_info_def.tensorflow_version
        self.signatures = signatures_of(meta_graph)
        self._outputs = self._find_outputs()
        self._run_options = _run_options()

    @classmethod
    def load(
        cls, path: Path, *, tags: Sequence[str] = ("serve",), intra_op_threads: int = 0, inter_op_threads: int = 0
    ) -> "SavedModel":
        """Loads the SavedModel in the folder `path`. 0 threads leaves the number to TensorFlow.

        Raises:
            LoadError: TensorFlow cannot load it; the text is TensorFlow's.
        """
        if not (path / "saved_model.pb").is_file():
            raise LoadError(str(path), "there is no saved_model.pb")
        with _session_options(intra_op_threads, inter_op_threads) as options:
            return cls._open(path, tags, options)

    @classmethod
    def _open(cls, path: Path, tags: Sequence[str], options: int) -> "SavedModel":
        found, status = library(), Status()
        graph = found.TF_NewGraph()
        names = (ctypes.c_char_p * len(tags))(*(tag.encode() for tag in tags))
        with _buffer() as meta_graph:
            arguments = (options, None, str(path).encode(), names, len(tags), graph, meta_graph, status.pointer)
            session = found.TF_LoadSessionFromSavedModel(*arguments)
            if status.code:
                found.TF_DeleteGraph(graph)
                raise LoadError(str(path), status.message, status.code)
            parsed = messages.MetaGraphDef.FromString(_content(meta_graph))
        return cls(session, graph, parsed)

    def run(
        self, signature: Signature, feeds: Mapping[str, Array], fetches: Sequence[str] | None = None
    ) -> dict[str, Array]:
        """The outputs by alias for the inputs by alias. Blocks; other threads may run at the same time.

        `fetches` are the aliases of the outputs that are wanted; None means all.

        Raises:
            ExecutionError: an op failed, with TensorFlow's code and text.
            InvalidInputError: an array has no counterpart in TensorFlow.
        """
        wanted = list(signature.outputs) if fetches is None else list(fetches)
        inputs = [self._outputs[signature.inputs[alias].tensor_name] for alias in feeds]
        outputs = [self._outputs[signature.outputs[alias].tensor_name] for alias in wanted]
        with _inputs(feeds) as tensors, _results(len(wanted)) as results:
            status = Status()
            self._library.TF_SessionRun(
                self._session,
                self._run_options,
                (Output * len(inputs))(*inputs),
                (ctypes.c_void_p * len(tensors))(*(tensor.pointer for tensor in tensors)),
                len(inputs),
                (Output * len(outputs))(*outputs),
                results,
                len(outputs),
                None,
                0,
                None,
                status.pointer,
            )
            if status.code:
                raise ExecutionError(status.code, status.message)
            return {alias: read(pointer) for alias, pointer in zip(wanted, results, strict=True)}

    def close(self) -> None:
        """Gives the memory back. Nobody may be running the model, or run it afterwards."""
        status = Status()
        self._library.TF_CloseSession(self._session, status.pointer)
        self._library.TF_DeleteSession(self._session, status.pointer)
        self._library.TF_DeleteGraph(self._graph)
        self._library.TF_DeleteBuffer(self._run_options)

    def _find_outputs(self) -> dict[str, Output]:
        """TF_Output of each tensor that a signature names; a signature that names a missing one cannot be called."""
        found: dict[str, Output] = {}
        for name, signature in list(self.signatures.items()):
            specs = (*signature.inputs.values(), *signature.outputs.values())
            places = {spec.tensor_name: self._output(spec) for spec in specs}
            if any(place is None for place in places.values()):
                del self.signatures[name]
                continue
            found.update({tensor: place for tensor, place in places.items() if place is not None})
        return found

    def _output(self, spec: TensorSpec) -> Output | None:
        name, _, index = spec.tensor_name.partition(":")
        operation = self._library.TF_GraphOperationByName(self._graph, name.encode()) if name else None
        return Output(operation, int(index or 0)) if operation else None


@contextlib.contextmanager
def _session_options(intra_op_threads: int, inter_op_threads: int) -> Iterator[int]:
    found, status = library(), Status()
    config = messages.ConfigProto(
        intra_op_parallelism_threads=intra_op_threads, inter_op_parallelism_threads=inter_op_threads
    ).SerializeToString()
    options = found.TF_NewSessionOptions()
    try:
        found.TF_SetConfig(options, config, len(config), status.pointer)
        yield options
    finally:
        found.TF_DeleteSessionOptions(options)


def _run_options() -> Any:
    options = messages.RunOptions(inter_op_thread_pool=-1).SerializeToString()
    return library().TF_NewBufferFromString(options, len(options))


@contextlib.contextmanager
def _buffer() -> Iterator[Any]:
    made = library().TF_NewBuffer()
    try:
        yield made
    finally:
        library().TF_DeleteBuffer(made)


def _content(buffer: "ctypes._Pointer[Buffer]") -> bytes:
    return ctypes.string_at(buffer.contents.data, buffer.contents.length)


@contextlib.contextmanager
def _inputs(feeds: Mapping[str, Array]) -> Iterator[list[InputTensor]]:
    made: list[InputTensor] = []
    try:
        for alias, array in feeds.items():
            try:
                made.append(InputTensor(array))
            except KeyError as error:
                raise InvalidInputError(f"input {alias}: TensorFlow has no type like {array.dtype}") from error
        yield made
    finally:
        for tensor in made:
            tensor.free()


@contextlib.contextmanager
def _results(count: int) -> Iterator[Any]:
    pointers = (ctypes.c_void_p * count)()
    try:
        yield pointers
    finally:
        for pointer in pointers:
            if pointer:
                library().TF_DeleteTensor(pointer)
