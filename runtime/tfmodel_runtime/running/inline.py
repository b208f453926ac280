"""Light calls, in the event loop: those of requests that arrive within a few of its turns share one."""

from functools import partial

from tfmodel_runtime.engine.pace import LOOP_SECONDS
from tfmodel_runtime.running.gathering import Gathering, timed
from tfmodel_runtime.running.work import Work, late, outcomes


class Inline:
    """Runs light calls."""

    def __init__(self) -> None:
        self._gatherings: dict[tuple[int, str], Gathering[Work]] = {}

    def takes(self, work: Work) -> bool:
        """Whether a call may run in the loop."""
        pace = work.pace
        return pace is not None and pace.is_light() and pace.expected(work.rows, work.row_size) <= LOOP_SECONDS

    def submit(self, work: Work) -> None:
        """Makes the call, now or within a few turns of the loop."""
        if not work.shares or work.pace is None:
            _run([work])
            return
        key = (id(work.model), work.signature.name)
        gathering = self._gatherings.get(key)
        if gathering is not None and not gathering.has_room(work.rows):
            gathering.close()
            gathering = None
        if gathering is None:
            gathering = self._gatherings[key] = Gathering(work.pace, partial(self._run, key))
        gathering.add(work, work.rows)

    def _run(self, key: tuple[int, str], works: list[Work]) -> None:
        del self._gatherings[key]
        _run(works)


def _run(works: list[Work]) -> None:
    wanted: list[Work] = []
    for work in works:
        if work.done is not None and work.is_late():
            work.answer(None, late())
        elif work.done is not None:
            wanted.append(work)
    if not wanted:
        return
    found = timed(wanted[0].pace, lambda: outcomes(wanted))
    for work, outcome in zip(wanted, found, strict=True):
        if isinstance(outcome, BaseException):
            work.answer(None, outcome)
        else:
            work.answer(outcome, None)
