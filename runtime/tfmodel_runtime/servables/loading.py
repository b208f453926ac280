"""What the manager is given: who loads versions and how, and who is told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tfmodel_runtime.engine.optimize import Outcome
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.servables import memory
from tfmodel_runtime.servables.optimizing import Optimizing
from tfmodel_runtime.servables.servable import VersionState
from tfmodel_runtime.servables.states import State


class Loader(Protocol):
    """Makes a version callable. Called in threads."""

    def load(self, path: Path) -> SavedModel:
        """The version in that folder, warmed up.

        Raises:
            LoadError: it cannot be loaded.
        """


class Observer(Protocol):
    """Is told what happens to versions."""

    def state_changed(self, model: str, version: int, state: State) -> None:
        """A version is in a new state."""

    def loaded(self, model: str, version: int, phases: Mapping[str, float], size: int) -> None:
        """A version became available: how long each phase took, `total` for all, in seconds; how many bytes it takes."""

    def optimized(self, model: str, version: int, outcome: Outcome) -> None:
        """What an available version runs on from now on."""

    def load_failed(self, model: str, version: int) -> None:
        """An attempt to load a version failed."""


class Elsewhere(Protocol):
    """Knows the versions of other processes that serve the same models on the same ports."""

    def is_available(self, model: str, version: int) -> bool:
        """Whether a version is available in each of them."""

    def together(self, model: str, own: Sequence[VersionState]) -> list[VersionState]:
        """The states of a model's versions in all processes, where those in this one are given; the newest first."""


class Nowhere:
    """There are no other processes."""

    def is_available(self, model: str, version: int) -> bool:
        """No process lacks it."""
        del model, version
        return True

    def together(self, model: str, own: Sequence[VersionState]) -> list[VersionState]:
        """Those of this process."""
        del model
        return list(own)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a failed load is tried again, and after how many seconds."""

    count: int = 5
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Loading:
    """How versions are loaded: tries, threads (0: as many as cores), room, optimising, and what other processes have."""

    retries: Retries = field(default_factory=Retries)
    threads: int = 0
    room: memory.Room = field(default_factory=memory.Room)
    optimizing: Optimizing | None = None
    elsewhere: Elsewhere = field(default_factory=Nowhere)
