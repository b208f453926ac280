"""A graph in a session, ready to run: what a model's requests are answered by, and may be exchanged for another while it serves.

Whoever runs one holds a reference, and the last reference that goes frees session and graph: so the requests that began on one finish
on it, without a counter that each request would pay for.
"""

import weakref
from collections.abc import Callable, Iterable
from typing import Any

from tfmodel_runtime.engine.calls import PreparedCall
from tfmodel_runtime.engine.capi import Output, Status, library


class Program:
    """Session and graph, which it owns. `outputs` are the places in the graph of the tensors that can be fed and fetched, by name."""

    def __init__(self, session: int, graph: int) -> None:
        self.session = session
        self.graph = graph
        self.outputs: dict[str, Output] = {}
        self.calls: dict[Any, PreparedCall] = {}
        """Calls that were prepared for it, by what they feed and fetch."""
        self._after: list[Callable[[], None]] = []
        self._free = weakref.finalize(self, _free, session, graph, self._after)
        self._free.atexit = False

    def find(self, tensor: str) -> Output | None:
        """The place of a tensor such as dense:0; None if the graph has it not."""
        name, _, index = tensor.partition(":")
        operation = library().TF_GraphOperationByName(self.graph, name.encode()) if name else None
        if not operation or not (index or "0").isdecimal():
            return None
        number = int(index or 0)
        return Output(operation, number) if number < library().TF_OperationNumOutputs(operation) else None

    def close(self) -> None:
        """Gives the memory back now; once is enough. Nobody may be running it."""
        self._free()

    def when_freed(self, callback: Callable[[], None]) -> None:
        """Calls back, in whatever thread it is, once the memory is given back."""
        self._after.append(callback)


def _free(session: int, graph: int, after: Iterable[Callable[[], None]]) -> None:
    found, status = library(), Status()
    found.TF_CloseSession(session, status.pointer)
    found.TF_DeleteSession(session, status.pointer)
    found.TF_DeleteGraph(graph)
    for callback in after:
        callback()


def of_graph(graph_def: bytes, options: int) -> Program:
    """A GraphDef in a new session with these TF_SessionOptions.

    Raises:
        ValueError: TensorFlow refuses it; the text is TensorFlow's.
    """
    found, status = library(), Status()
    graph = found.TF_NewGraph()
    importing = found.TF_NewImportGraphDefOptions()
    buffer = found.TF_NewBufferFromString(graph_def, len(graph_def))
    found.TF_GraphImportGraphDef(graph, buffer, importing, status.pointer)
    found.TF_DeleteBuffer(buffer)
    found.TF_DeleteImportGraphDefOptions(importing)
    session = None if status.code else found.TF_NewSession(graph, options, status.pointer)
    if session is None or status.code:
        found.TF_DeleteGraph(graph)
        raise ValueError(status.message)
    return Program(session, graph)
