"""Light predict calls that differ in nothing but their numbers: read, run and answered together.

What a request costs alone (objects, look-ups, a parse, a count) is paid once for all that come within a few turns of the event loop. A
lane takes only what it knows; whatever is odd, or goes wrong for anyone, goes the usual way alone, which finds the words, and nothing
was counted for it before.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from tfmodel_runtime.batching import merging
from tfmodel_runtime.engine.pace import LOOP_SECONDS, Pace
from tfmodel_runtime.engine.signature import Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import RuntimeFault
from tfmodel_runtime.observability.metrics import Request
from tfmodel_runtime.predict import Call, Predictor
from tfmodel_runtime.running.gathering import Gathering, timed
from tfmodel_runtime.running.work import Outputs, Work, outcomes
from tfmodel_runtime.servables.servable import Handle, Servable

Found = TypeVar("Found")
_log = logging.getLogger(__name__)


class Wire(Protocol):
    """How the messages of one lane are read and written. Each has `rows` rows."""

    rows: int

    def fits(self, signature: Signature) -> bool:
        """Whether a signature takes them, in rows of the very size that it tells."""

    def admits(self, message: bytes) -> bool:
        """Whether a message is one of them, as far as can be told at once."""

    def read(self, messages: Sequence[bytes], signature: Signature) -> Mapping[str, Array] | None:
        """The inputs of all, in their order; None if one is not what it seems."""

    def write_all(
        self, outputs: Mapping[str, Array], count: int, handle: Handle, signature: Signature
    ) -> list[bytes] | None:
        """The answers to so many, of outputs that have a row for each that was read; None if each must be written by itself."""

    def write(self, outputs: Mapping[str, Array], handle: Handle, signature: Signature) -> bytes:
        """One answer. May raise a RuntimeFault."""


class Receiver(Protocol):
    """Who waits for an answer."""

    def answered(self, message: bytes) -> None:
        """The answer. Must not fail."""

    def passed_over(self) -> None:
        """There is none: the request goes the usual way. Must not fail."""


class _Waiting(NamedTuple):
    message: bytes
    receiver: Receiver
    since: float


class _Open(NamedTuple):
    """What the next call is made on."""

    servable: Servable
    handle: Handle
    signature: Signature
    pace: Pace
    gathering: Gathering[_Waiting]


class Lane:
    """Requests for one signature of one model, of one wire."""

    def __init__(self, predictor: Predictor, call: Call, wire: Wire) -> None:
        self._predictor = predictor
        self._manager = predictor.manager
        self._call = call
        self._wire = wire
        self._open: _Open | None = None

    def take(self, message: bytes, receiver: Receiver) -> bool:
        """Takes a request, whose answer comes within a few turns of the loop; false if it goes the usual way."""
        if not (self._predictor.has_room() and self._wire.admits(message)):
            return False
        call, opened, rows = self._call, self._open, self._wire.rows
        if opened is not None and not opened.gathering.has_room(rows):
            opened.gathering.close()
            opened = self._open
        if opened is None:
            opened = self._open = self._opened()
            if opened is None:
                return False
        elif not self._manager.would_hold(call.model, call.version, call.label, opened.servable):
            return False
        self._predictor.traffic.entered()
        opened.gathering.add(_Waiting(message, receiver, time.perf_counter()), rows)
        return True

    def _opened(self) -> _Open | None:
        """A version that is held until the next call is made, if its calls are light and may be shared."""
        call = self._call
        try:
            servable, handle = self._manager.hold(call.model, call.version, call.label)
        except RuntimeFault:
            return None
        signature = handle.model.signatures.get(call.signature)
        pace = handle.model.paces.get(call.signature)
        is_known = signature is not None and pace is not None and self._wire.fits(signature)
        if signature is None or pace is None or not (is_known and pace.batches and self._is_short(pace)):
            self._manager.release(servable)
            return None
        return _Open(servable, handle, signature, pace, Gathering(pace, self._run))

    def _is_short(self, pace: Pace) -> bool:
        return pace.expected(self._wire.rows, pace.row_size) <= LOOP_SECONDS

    def _run(self, waiting: list[_Waiting]) -> None:
        opened, self._open = self._open, None
        if opened is None:
            raise RuntimeError("a lane that is not open has nobody to answer")
        parts = self._parts(opened, len(waiting))
        if not parts:
            self._answer(opened, waiting, _here)
            return
        size = -(-len(waiting) // parts)
        for first in range(0, len(waiting), size):
            if first:
                self._manager.hold_again(opened.servable)
            self._answer(opened, waiting[first : first + size], self._predictor.slots.submit)

    def _parts(self, opened: _Open, count: int) -> int:
        """Into how many calls in threads the waiting are parted; 0 for one here.

        Where all have room in one call, the halves on two cores would come no sooner than the whole does here.
        """
        slots = self._predictor.slots
        if not opened.pace.is_light():
            return min(slots.count, count)
        has_all = opened.gathering.has_room(self._wire.rows)
        return 0 if slots.count == 1 or (has_all and slots.are_idle) else 1

    def _answer(self, opened: _Open, waiting: list[_Waiting], run: Callable[[Work], None]) -> None:
        """Has the model run for those who wait, and tells them."""
        feeds = _found(lambda: self._wire.read([one.message for one in waiting], opened.signature))
        if feeds is None:
            self._pass_over(opened, waiting)
            return
        begun = time.perf_counter()

        def done(outputs: Outputs | None, _error: BaseException | None) -> None:
            seconds = time.perf_counter() - begun
            answers = None if outputs is None else _found(lambda: self._written(opened, outputs, len(waiting)))
            if answers is None:
                self._pass_over(opened, waiting)
            else:
                self._tell(opened, waiting, answers, seconds)

        timeout, pace = self._call.timeout_seconds, opened.pace
        deadline = None if timeout is None else time.monotonic() + timeout
        rows = len(waiting) * self._wire.rows
        run(Work(opened.handle.model, opened.signature, Ask(feeds), deadline, done, rows, pace.row_size, pace, True))

    def _written(self, opened: _Open, outputs: Outputs, count: int) -> list[bytes]:
        rows, handle, signature = self._wire.rows, opened.handle, opened.signature
        merging.check_rows(outputs, count * rows)
        together = self._wire.write_all(outputs, count, handle, signature)
        if together is not None:
            return together
        parts = merging.split(outputs, [rows] * count, count * rows)
        return [self._wire.write(part, handle, signature) for part in parts]

    def _pass_over(self, opened: _Open, waiting: list[_Waiting]) -> None:
        self._let_go(opened, waiting)
        for one in waiting:
            one.receiver.passed_over()

    def _tell(self, opened: _Open, waiting: list[_Waiting], answers: list[bytes], run_seconds: float) -> None:
        self._let_go(opened, waiting)
        call, now = self._call, time.perf_counter()
        labels = Request(call.model, str(opened.handle.version), opened.signature.name, call.method, call.protocol)
        self._predictor.metrics.answered_together(labels, [now - one.since for one in waiting], run_seconds)
        for one, answer in zip(waiting, answers, strict=True):
            one.receiver.answered(answer)

    def _let_go(self, opened: _Open, waiting: list[_Waiting]) -> None:
        self._predictor.traffic.left(len(waiting))
        self._manager.release(opened.servable)


def _found(find: Callable[[], Found | None]) -> Found | None:
    """What is found; None where it fails: each of those who wait then goes the usual way, which tells it why."""
    try:
        return find()
    except (RuntimeFault, merging.NotSplittableError):
        return None
    except Exception:  # noqa: BLE001 - the rim: nobody may be left waiting
        _log.exception("a lane failed in a way that was not foreseen")
        return None


def _here(work: Work) -> None:
    """Makes a call in the event loop."""
    outcome = timed(work.pace, lambda: outcomes([work])[0])
    if isinstance(outcome, BaseException):
        work.answer(None, outcome)
    else:
        work.answer(outcome, None)
