"""A SavedModel: loaded once, run by many threads, closed when nobody holds it any more.

TensorFlow's C++ loader restores the variables and runs the initialisers, as in TensorFlow Serving. Inputs are never cast: what
does not have the signature's type is refused by TensorFlow. A run takes place without Python's lock and in the caller's thread,
where it is fastest; there TensorFlow does not look at the clock. Where that matters, in graphs that can run for any time and
for signatures whose last run was slow, a run with a deadline takes place in the session's threads, for some 50 us more.
"""

import ctypes
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from tfmodel.wire import messages
from tfmodel_runtime.engine.calls import PreparedCall
from tfmodel_runtime.engine.capi import Output, Status, library
from tfmodel_runtime.engine.graph import is_unbounded
from tfmodel_runtime.engine.pace import Pace
from tfmodel_runtime.engine.program import Program
from tfmodel_runtime.engine.samples import Sample, keep
from tfmodel_runtime.engine.session import content, empty_buffer, run_options, session_options
from tfmodel_runtime.engine.signature import Signature, signatures_of
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import ExecutionError, LoadError, TimedOutError
from tfmodel_runtime.statuses import Code

_log = logging.getLogger(__name__)
_SLOW_SECONDS = 0.05
_MOST_CALLS = 64


class SavedModel:
    """A loaded SavedModel. Make one with `load`."""

    def __init__(self, program: Program, meta_graph: Any) -> None:
        self.program = program
        """What requests run on; `exchange` replaces it."""
        self.samples: list[Sample] | None = None
        """What was asked so far, where that is to be kept."""
        self._is_closed = False
        kept = messages.MetaGraphDef(
            signature_def=meta_graph.signature_def
        )  # a copy: the graph's constants may be large
        self.signature_defs: Mapping[str, Any] = kept.signature_def
        self.tensorflow_version: str = meta_graph.meta_info_def.tensorflow_version
        self.signatures = signatures_of(kept)
        self.load_seconds: Mapping[str, float] = {}
        """How long its loading took, by phase: restore, warm_up."""
        self.load_bytes = 0
        """By how much the memory of the process grew while it was loaded."""
        self.is_unbounded = is_unbounded(meta_graph)
        """Whether a run can last for any time, whatever it is fed."""
        self.paces: dict[str, Pace] = {name: Pace() for name in self.signatures}
        """What is known of the time that each signature takes."""
        self._slow: set[str] = set()
        program.outputs = self._find_outputs(program)

    @classmethod
    def load(
        cls, path: Path, *, tags: Sequence[str] = ("serve",), intra_op_threads: int = 0, inter_op_threads: int = 0
    ) -> "SavedModel":
        """Loads the SavedModel in the folder `path`. 0 threads leaves the number to TensorFlow.

        Raises:
            LoadError: TensorFlow cannot load it; the text is TensorFlow's.
        """
        if not os.path.isfile(path / "saved_model.pb"):  # noqa: PTH113 - unlike Path's it is False where nobody may look
            raise LoadError(str(path), "there is no saved_model.pb, or it cannot be read", Code.NOT_FOUND)
        with session_options(intra_op_threads, inter_op_threads) as options:
            return cls._open(path, tags, options)

    @classmethod
    def _open(cls, path: Path, tags: Sequence[str], options: int) -> "SavedModel":
        found, status = library(), Status()
        graph = found.TF_NewGraph()
        names = (ctypes.c_char_p * len(tags))(*(tag.encode() for tag in tags))
        with empty_buffer() as meta_graph:
            arguments = (options, None, os.fsencode(path), names, len(tags), graph, meta_graph, status.pointer)
            session = found.TF_LoadSessionFromSavedModel(*arguments)
            if status.code:
                found.TF_DeleteGraph(graph)
                raise LoadError(str(path), status.message, status.code)
            program = Program(session, graph)
            try:
                return cls(program, messages.MetaGraphDef.FromString(content(meta_graph)))
            except DecodeError as error:
                program.close()
                raise LoadError(str(path), f"the graph cannot be read: {error}", Code.DATA_LOSS) from error

    def run(
        self,
        signature: Signature,
        feeds: Mapping[str, Array],
        fetches: Sequence[str] | None = None,
        *,
        timeout_seconds: float | None = None,
        program: Program | None = None,
    ) -> dict[str, Array]:
        """The outputs by alias for the inputs by alias. Blocks; other threads may run at the same time.

        `fetches` are the aliases of the outputs that are wanted; None means all. Outputs are not to be written to. `program` is
        another one to run on than the model's.

        Raises:
            ExecutionError: an op failed, with TensorFlow's code and text.
            TimedOutError: it took longer than `timeout_seconds`; the ops that were left were not run. A run that is known to be
                short is not watched, and answers late rather than never.
            InvalidInputError: an array has no counterpart in TensorFlow.
            UnimplementedError: an output has a type without values, such as a resource.
        """
        if self._is_closed:
            raise RuntimeError("a closed model cannot be run")
        if self.samples is not None:
            keep(self.samples, Sample(signature, feeds, fetches))
        name = signature.name
        running = program or self.program
        call = self._prepared(running, signature, feeds, fetches)
        limit = timeout_seconds if self.is_unbounded or name in self._slow else None
        begun = time.monotonic()
        with run_options(limit) as options:
            status, found = call.run(running.session, options, feeds)
        seconds = time.monotonic() - begun
        if found is None and status.code == Code.DEADLINE_EXCEEDED and limit is not None:
            raise TimedOutError(status.message)
        if seconds > _SLOW_SECONDS or self._slow:
            self._note_time(name, seconds)
        if found is None:
            raise ExecutionError(status.code, status.message)
        return dict(zip(call.wanted, found, strict=True))

    def _prepared(
        self, program: Program, signature: Signature, feeds: Mapping[str, Array], fetches: Sequence[str] | None
    ) -> PreparedCall:
        """The call for these inputs and outputs; kept for signatures of the model, of which few are asked for in few ways."""
        key = (signature.name, tuple(feeds), None if fetches is None else tuple(fetches))
        is_own = self.signatures.get(signature.name) is signature
        found = program.calls.get(key) if is_own else None
        if found is None:
            wanted = signature.outputs if fetches is None else fetches
            inputs = {alias: program.outputs[signature.inputs[alias].tensor_name] for alias in feeds}
            outputs = {alias: program.outputs[signature.outputs[alias].tensor_name] for alias in wanted}
            found = PreparedCall(inputs, outputs)
            if is_own and len(program.calls) < _MOST_CALLS:
                program.calls[key] = found
        return found

    def _note_time(self, name: str, seconds: float) -> None:
        """The latest run counts: the first one is slow in every graph, since TensorFlow optimises the graph in it."""
        if seconds > _SLOW_SECONDS:
            self._slow.add(name)
        else:
            self._slow.discard(name)

    def exchange(self, program: Program) -> Program:
        """Has later requests run on another program; gives the one before, on which requests may still be running."""
        before, self.program = self.program, program
        return before

    def close(self) -> None:
        """Gives the memory back; once is enough. Nobody may be running the model, or run it afterwards."""
        if self._is_closed:
            return
        self._is_closed = True
        self.program.close()

    def _find_outputs(self, program: Program) -> dict[str, Output]:
        """The place of each tensor that a signature names; a signature that names a missing one cannot be called."""
        found: dict[str, Output] = {}
        for name, signature in list(self.signatures.items()):
            specs = (*signature.inputs.values(), *signature.outputs.values())
            places = {spec.tensor_name: program.find(spec.tensor_name) for spec in specs}
            missing = sorted(tensor for tensor, place in places.items() if place is None)
            if missing:
                _log.warning("signature %s is left out: the graph has no %s", name, ", ".join(missing))
                del self.signatures[name]
                continue
            found.update({tensor: place for tensor, place in places.items() if place is not None})
        return found
