"""The first process: forks the others, forwards signals to them, and forks again what ends unasked. It serves nothing itself.

It has no thread and no event loop, so that what it forks starts clean at any time. All signals that it knows are blocked and taken
one by one. Its end ends the others.
"""

import ctypes
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tfmodel_runtime.processes import exposition
from tfmodel_runtime.processes.board import Area, Board, Lock, ring
from tfmodel_runtime.processes.told import ENDED, Told

_log = logging.getLogger(__name__)
RESTARTS = "tfmodel_runtime_process_restarts"
_STOPS = (signal.SIGTERM, signal.SIGINT)
_TAKEN = (*_STOPS, signal.SIGCHLD)
_LOOK_SECONDS = 1.0
_FIRST_WAIT_SECONDS, _MOST_WAIT_SECONDS = 0.1, 30.0
_SETTLED_SECONDS = 60.0
_STUCK_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1
Work = Callable[[int, bool], int]
"""What a process does: its slot, and whether it is the first one there; gives its exit code."""


@dataclass(slots=True)
class _Slot:
    """A place for a process. `due` is when the next one is forked, if none runs."""

    pid: int | None = None
    begun: float = 0.0
    due: float = 0.0
    ends: int = 0
    """How many in a row ended before they had run for long."""
    is_first: bool = True


class Supervisor:
    """Runs so many processes until it is told to stop."""

    def __init__(self, board: Board, work: Work) -> None:
        self._board = board
        self._work = work
        self._slots = [_Slot() for _ in range(board.processes)]
        self._kept: dict[Area, bytes] = {}
        self._restarts = 0
        self._is_stopping = False
        self._code = 0

    def run(self) -> int:
        """Runs them; the exit code: that of the first process that failed, else 0."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _TAKEN)
        gc.collect()
        gc.freeze()
        while self._goes_on():
            self._fork_due()
            taken = signal.sigtimedwait(_TAKEN, self._seconds())
            if taken is not None and taken.si_signo in _STOPS:
                self._stop(taken.si_signo)
            self._reap()
            self._end_stuck()
        return self._code

    def _goes_on(self) -> bool:
        return not self._is_stopping or any(one.pid is not None for one in self._slots)

    def _seconds(self) -> float:
        waits = [one.due - time.monotonic() for one in self._slots if one.pid is None and not self._is_stopping]
        return max(0.0, min([_LOOK_SECONDS, *waits]))

    def _fork_due(self) -> None:
        for number, slot in enumerate(self._slots):
            if slot.pid is None and not self._is_stopping and time.monotonic() >= slot.due:
                self._fork(number, slot)

    def _fork(self, number: int, slot: _Slot) -> None:
        own = os.getpid()
        slot.begun = time.monotonic()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                _settle(own)
                code = self._work(number, slot.is_first)
            except BaseException:  # noqa: BLE001 - it must not go on as a second supervisor
                _log.exception("process %d ended unforeseen", number + 1)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        slot.pid = pid

    def _stop(self, number: int) -> None:
        self._is_stopping = True
        for slot in self._slots:
            if slot.pid is not None:
                os.kill(slot.pid, number)

    def _reap(self) -> None:
        """Takes note of all that have ended, of others' children too, which the first process of a container inherits."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for number, slot in enumerate(self._slots):
                if slot.pid == pid:
                    slot.pid = None
                    self._ended(number, slot, os.waitstatus_to_exitcode(status))

    def _ended(self, number: int, slot: _Slot, code: int) -> None:
        told = Told.from_text(self._board.read(number, Area.STATE))
        is_failed_start = code > 0 and slot.is_first and not (told is not None and told.is_open)
        if self._is_stopping or is_failed_start:
            self._code = self._code or (code if code >= 0 else 128 - code)
            if not self._is_stopping:
                self._stop(signal.SIGTERM)
            return
        lived = time.monotonic() - slot.begun
        slot.ends = 1 if lived > _SETTLED_SECONDS else slot.ends + 1
        wait = min(_MOST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2 ** (slot.ends - 1))
        slot.due, slot.is_first = time.monotonic() + wait, False
        self._restarts += 1
        self._keep_counts(number)
        how = f"with code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
        _log.error("process %d ended %s; another takes its place in %.1f s", number + 1, how, wait)

    def _keep_counts(self, number: int) -> None:
        """Takes over what an ended process had counted, so that no counter falls."""
        board = self._board
        with board.locked(Lock.COUNTS):
            for area in (Area.METRICS, Area.TFSERVING):
                self._kept[area] = exposition.lasting([self._kept.get(area, b""), board.read(number, area)])
            restarts = exposition.counter(RESTARTS, self._restarts)
            board.write(board.supervisor, Area.METRICS, self._kept[Area.METRICS] + restarts)
            board.write(board.supervisor, Area.TFSERVING, self._kept[Area.TFSERVING])
            board.clear(number)
        board.write(number, Area.STATE, ENDED)
        ring(board.news, board.others(number))

    def _end_stuck(self) -> None:
        """Ends a process whose event loop has not moved for long, as the kubelet does with a pod."""
        for number, slot in enumerate(self._slots):
            beaten = self._board.beaten(number)
            if slot.pid is not None and beaten and time.monotonic() - beaten > _STUCK_SECONDS and not self._is_stopping:
                _log.error("process %d has not moved for %.0f s: it is ended", number + 1, _STUCK_SECONDS)
                os.kill(slot.pid, signal.SIGKILL)


def _settle(supervisor: int) -> None:
    """Makes a forked process one of its own: no signal from the terminal, none of the supervisor's children, and no life after it.

    The signals to stop stay blocked until there is somebody to take them.
    """
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))
    if os.getppid() != supervisor:
        raise RuntimeError("the supervisor has ended")
