"""What the manager holds: models with their versions, and what it tells of them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.servables import policy
from tfmodel_runtime.servables.sources import DirectorySource
from tfmodel_runtime.servables.states import State


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A model: where its versions are, which are wanted, and which version each label means."""

    name: str
    source: DirectorySource
    version_policy: policy.VersionPolicy = field(default_factory=policy.Latest)
    labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Servable:
    """One version of a model. `holders` counts the requests that use it."""

    name: str
    version: int
    path: Path
    state: State = State.NEW
    model: SavedModel | None = None
    error: str = ""
    error_code: int = 0
    holders: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)
    unwanted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the version is no longer wanted, so that nobody waits to try it again."""
    handle: "Handle | None" = None
    """What its requests get, while it is loaded."""


@dataclass(slots=True)
class Model:
    """A model, its versions by number, and the labels that have taken effect."""

    config: ModelConfig
    versions: dict[int, Servable] = field(default_factory=dict)
    aspired: frozenset[int] = frozenset()
    labels: dict[str, int] = field(default_factory=dict)

    def available(self) -> list[int]:
        """Numbers of the versions that answer, in order."""
        return sorted(number for number, one in self.versions.items() if one.state is State.AVAILABLE)

    def told(self) -> list["VersionState"]:
        """What is to be told of the versions, the newest first; those that ended stay listed."""
        newest_first = sorted(self.versions.values(), key=lambda one: one.version, reverse=True)
        return [VersionState(one.version, one.state.wire_name, one.error_code, one.error) for one in newest_first]

    def move_labels(self) -> None:
        """A label takes effect when its version is available, and means the version before until then."""
        available = self.available()
        wanted = self.config.labels
        self.labels = {
            label: version if version in available else self.labels[label]
            for label, version in wanted.items()
            if version in available or label in self.labels
        }

    def snapshots(self, is_up_elsewhere: Callable[[str, int], bool]) -> list[policy.Snapshot]:
        """The versions as a policy sees them."""
        name, aspired = self.config.name, self.aspired
        return [
            policy.Snapshot(number, one.state, number in aspired, is_up_elsewhere(name, number))
            for number, one in self.versions.items()
        ]


@dataclass(frozen=True, slots=True)
class Handle:
    """A version for the time of one request."""

    name: str
    version: int
    model: SavedModel


@dataclass(frozen=True, slots=True)
class VersionState:
    """What is told of a version: its state in TensorFlow Serving's words, and why it failed."""

    version: int
    state: str
    error_code: int
    error_message: str
