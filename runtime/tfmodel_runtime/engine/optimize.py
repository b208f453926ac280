"""Another program for a loaded model: its graph frozen, or compiled by XLA as well; used only where it is equal and faster.

It is made beside the one that serves, from the values that are loaded, without TensorFlow's Python package and without a file that
could be stale. Answers to the samples are compared and times taken, in turns, before requests see it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError, EncodeError

from tfmodel.wire.tensors import to_proto
from tfmodel_runtime.engine import folding, freeze, op_registry, samples
from tfmodel_runtime.engine.modes import Mode
from tfmodel_runtime.engine.obstacles import NotFrozenError, Obstacle
from tfmodel_runtime.engine.program import Program, of_graph
from tfmodel_runtime.engine.samples import Sample
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.session import session_options
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.errors import RuntimeFault

_SECONDS_OF_A_SAMPLE = 0.3
_MOST_TURNS = 400
_FEWEST_TURNS = 6
_FASTER = 0.99
_MOST_SLOWER = 1.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model runs on, and if that is not what was wanted, why."""

    used: Mode
    obstacle: Obstacle | None = None
    message: str = ""
    ratio: float = 1.0
    """The processor time that requests take, over what they took before."""


@dataclass(frozen=True, slots=True)
class Work:
    """What to optimise: a loaded model, the folder it was loaded from, and how."""

    model: SavedModel
    path: Path
    tags: Sequence[str] = ("serve",)
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    is_over: Callable[[], bool] = lambda: False
    """Whether nobody wants it any more."""


class Abandoned(Exception):  # noqa: N818 - nothing went wrong
    """Nobody wants it any more."""


def optimize(work: Work, wanted: Mode) -> tuple[Outcome, Program | None]:
    """Exchanges the model's program for the best that is equal and faster; the program before, on which requests may still run.

    Raises:
        Abandoned: nobody wants it any more; nothing was changed.
    """
    if wanted is Mode.NONE:
        return Outcome(Mode.NONE), None
    best: Program | None = None
    outcome = Outcome(Mode.NONE)
    try:
        graph = frozen_graph(work)  # first: a model with a state must not be asked made-up requests
        chosen = _samples(work.model)
        for mode in (Mode.GRAPH, Mode.XLA)[: 1 if wanted is Mode.GRAPH else 2]:
            found = _try(work, graph, mode, chosen, best or work.model.program)
            if isinstance(found, tuple):
                best, ratio = found
                outcome = Outcome(mode, ratio=outcome.ratio * ratio)
            else:
                outcome = Outcome(outcome.used, found.obstacle, str(found), outcome.ratio)
    except NotFrozenError as error:
        outcome = Outcome(Mode.NONE, error.obstacle, str(error))
    if best is None:
        return outcome, None
    return outcome, work.model.exchange(best)


def _try(
    work: Work, graph: bytes, mode: Mode, chosen: Sequence[Sample], current: Program
) -> tuple[Program, float] | NotFrozenError:
    """The program and the share of the current one's time that it takes, or why it is not used."""
    try:
        program = program_of(work, graph, is_compiled=mode is Mode.XLA)
        _compare(work, program, chosen)
        return program, _ratio(work, program, chosen, current)
    except NotFrozenError as error:
        return NotFrozenError(error.obstacle, f"{mode} is not used: {error}")


def _samples(model: SavedModel) -> list[Sample]:
    """The samples that the model answers, each signature being asked at least once.

    Raises:
        NotFrozenError: a signature answers none.
    """
    kept = model.samples or []
    model.samples = None
    answered: list[Sample] = []
    for signature in model.signatures.values():
        of_signature = [one for one in kept if one.signature is signature]
        good = [one for one in (*of_signature, *samples.drawn(signature)) if _answer(model, one) is not None]
        if not good:
            told = f"no request to the signature {signature.name} is known that it answers"
            raise NotFrozenError(Obstacle.NOT_ASKED, f"{told}: put one into assets.extra/tf_serving_warmup_requests")
        answered += good
    return answered


def _answer(model: SavedModel, sample: Sample, program: Program | None = None) -> Any:
    """The outputs; None if it does not answer."""
    try:
        return model.run(sample.signature, sample.feeds, sample.fetches, program=program)
    except RuntimeFault:
        return None


def frozen_graph(work: Work) -> bytes:
    """The graph with constants for variables, serialized.

    Raises:
        NotFrozenError: it cannot be frozen.
    """
    try:
        saved = freeze.meta_graph((work.path / "saved_model.pb").read_bytes(), work.tags).graph_def
    except (OSError, DecodeError) as error:
        raise NotFrozenError(Obstacle.FAILED, f"saved_model.pb cannot be read: {error}") from error
    specs = [spec for one in work.model.signatures.values() for spec in (*one.inputs.values(), *one.outputs.values())]
    freezer = freeze.Freezer(saved, (spec.tensor_name for spec in specs), op_registry.stateful())
    values = _values(work.model, freezer.reads)
    _go_on(work)
    try:
        graph = freezer.frozen(values)
        folding.fold(graph, (spec.tensor_name for spec in specs))
        return bytes(graph.SerializeToString())
    except (EncodeError, ValueError) as error:
        raise NotFrozenError(Obstacle.TOO_LARGE, f"the frozen graph is too large for a message: {error}") from error


def _values(model: SavedModel, reads: dict[str, str]) -> dict[str, Any]:
    """TensorProtos of the variables, by name.

    Raises:
        NotFrozenError: one cannot be read, or they are too many.
    """
    if not reads:
        return {}
    specs: dict[str, TensorSpec] = {}
    for name, tensor in reads.items():
        place = model.program.find(tensor)
        if place is None:
            raise NotFrozenError(Obstacle.UNSUPPORTED, f"the loaded graph has no {tensor}")
        model.program.outputs[tensor] = place
        specs[name] = TensorSpec(name, tensor, 0, None)  # type: ignore[arg-type]
    try:
        arrays = model.run(Signature("tfmodel variables", {}, specs, ""), {})
    except RuntimeFault as error:
        raise NotFrozenError(Obstacle.FAILED, f"the variables cannot be read: {error}") from error
    if sum(array.nbytes for array in arrays.values()) > freeze.MOST_BYTES:
        told = f"the variables have more than {freeze.MOST_BYTES // 2**20} MiB"
        raise NotFrozenError(Obstacle.TOO_LARGE, told)
    return {name: to_proto(arrays.pop(name)) for name in list(arrays)}


def program_of(work: Work, graph: bytes, *, is_compiled: bool) -> Program:
    """The model's graph in another form, in a session of its own.

    Raises:
        NotFrozenError: TensorFlow refuses it, or a tensor of a signature is missing.
    """
    with session_options(work.intra_op_threads, work.inter_op_threads, is_compiled=is_compiled) as options:
        try:
            program = of_graph(graph, options)
        except ValueError as error:
            raise NotFrozenError(Obstacle.FAILED, f"TensorFlow refuses the graph: {error}") from error
    for signature in work.model.signatures.values():
        for spec in (*signature.inputs.values(), *signature.outputs.values()):
            place = program.find(spec.tensor_name)
            if place is None:
                raise NotFrozenError(Obstacle.FAILED, f"the graph has no {spec.tensor_name}")
            program.outputs[spec.tensor_name] = place
    return program


def _compare(work: Work, program: Program, chosen: Sequence[Sample]) -> None:
    for sample in chosen:
        _go_on(work)
        wanted, found = _answer(work.model, sample), _answer(work.model, sample, program)
        if wanted is not None and (found is None or not samples.are_equal(found, wanted)):
            told = f"a request to the signature {sample.signature.name} is answered otherwise"
            raise NotFrozenError(Obstacle.NOT_EQUAL, told)


def _ratio(work: Work, program: Program, chosen: Sequence[Sample], current: Program) -> float:
    """The processor time that the samples take on a program, over their time on the current one.

    Raises:
        NotFrozenError: it is not faster on the whole, or slower with one of them.
    """
    pairs = [_times(work, program, sample, current) for sample in _of_each_size(chosen)]
    ratio = sum(new / old for new, old in pairs) / len(pairs)
    slowest = max(new / old for new, old in pairs)
    if ratio > _FASTER or slowest > _MOST_SLOWER:
        raise NotFrozenError(
            Obstacle.NOT_FASTER, f"requests take {ratio:.2f} of the processor time, one kind {slowest:.2f}"
        )
    return ratio


def _of_each_size(chosen: Sequence[Sample]) -> Iterator[Sample]:
    """One sample of each signature and shapes: the values do not matter to the time."""
    seen = set()
    for sample in chosen:
        key = (sample.signature.name, *(array.shape for array in sample.feeds.values()))
        if key not in seen:
            seen.add(key)
            yield sample


def _times(work: Work, program: Program, sample: Sample, current: Program) -> tuple[float, float]:
    """The least processor time of a sample on a program and on the current one, in seconds, taken in turns.

    Processor time, not time on the clock: pods share their cores, and what others do must not decide.
    """
    shortest = [float("inf"), float("inf")]
    end, turns = time.perf_counter() + _SECONDS_OF_A_SAMPLE, 0
    while turns < _FEWEST_TURNS or (turns < _MOST_TURNS and time.perf_counter() < end):
        _go_on(work)
        for place, one in enumerate((program, current)):
            begun = time.process_time()
            work.model.run(sample.signature, sample.feeds, sample.fetches, program=one)
            shortest[place] = min(shortest[place], time.process_time() - begun)
        turns += 1
    return shortest[0], shortest[1]


def _go_on(work: Work) -> None:
    if work.is_over():
        raise Abandoned
