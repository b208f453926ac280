"""Whether requests should be sent here: the one answer that probes of both protocols give."""

from collections.abc import Callable

from tfmodel_runtime.servables.manager import Manager


class Readiness:
    """Ready while every model has a wanted version that is loaded and warmed up, and the server does not drain."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self.is_draining = False
        self.objections: list[Callable[[], str | None]] = []
        """What else may say why requests should not be sent here."""
        self.hangs: list[Callable[[], str | None]] = []
        """What may say why only a new start helps."""
        self.objection_elsewhere: Callable[[], str | None] = _none
        """Why requests should not be sent to other processes on the same ports."""
        self.hang_elsewhere: Callable[[], str | None] = _none

    def objection(self) -> str | None:
        """Why requests should not be sent here; None if they should."""
        own = self.own_objection()
        return self.objection_elsewhere() if own is None else own

    def hang(self) -> str | None:
        """Why only a new start helps; None if none is needed."""
        own = self.own_hang()
        return self.hang_elsewhere() if own is None else own

    def own_objection(self) -> str | None:
        """Why requests should not be sent to this process; None if they should."""
        if self.is_draining:
            return "the server drains: it finishes what it has and takes nothing new"
        if not self._manager.is_ready():
            return "no wanted version is loaded and warmed up yet"
        return next((told for ask in self.objections if (told := ask()) is not None), None)

    def own_hang(self) -> str | None:
        """Why only a new start helps this process; None if none is needed."""
        return next((told for ask in self.hangs if (told := ask()) is not None), None)


def _none() -> None:
    """There are no other processes."""
