"""What a process tells the others of itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from tfmodel_runtime.servables.servable import VersionState


@dataclass(frozen=True, slots=True)
class Told:
    """How a process stands. `objection` says why requests should not be sent to it, `hang` why only a new start helps."""

    is_open: bool = False
    """Whether it takes connections."""
    counts: bool = False
    """Whether the server is ready only once this process is."""
    objection: str | None = None
    hang: str | None = None
    versions: Mapping[str, Sequence[VersionState]] = field(default_factory=dict)
    """By the names of models."""

    def to_text(self) -> bytes:
        """What `from_text` reads."""
        versions = {
            name: [[one.version, one.state, int(one.error_code), one.error_message] for one in states]
            for name, states in self.versions.items()
        }
        return orjson.dumps([self.is_open, self.counts, self.objection, self.hang, versions])

    @staticmethod
    def from_text(text: bytes) -> "Told | None":
        """What was told; None if nothing was told yet."""
        if not text:
            return None
        is_open, counts, objection, hang, versions = orjson.loads(text)
        read = {name: [VersionState(*one) for one in states] for name, states in versions.items()}
        return Told(is_open, counts, objection, hang, read)


ENDED = Told().to_text()
"""What stands for a process that has ended."""
