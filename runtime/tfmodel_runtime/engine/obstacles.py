"""Why a model is served as it is, and not optimised."""

from enum import Enum


class Obstacle(Enum):
    """What stands against an optimised graph; the value is its word in metrics and logs."""

    STATEFUL = "Stateful"
    """The signatures change something, or depend on more than inputs and variables."""
    UNSUPPORTED = "Unsupported"
    """The graph has a form that is not converted."""
    TOO_LARGE = "TooLarge"
    """The variables do not fit into a message."""
    NO_ROOM = "NoRoom"
    """The memory limit leaves no room for a second graph beside the first."""
    NOT_ASKED = "NotAsked"
    """No request could be made up to compare answers with."""
    NOT_EQUAL = "NotEqual"
    """The answers differ."""
    NOT_FASTER = "NotFaster"
    """It is not faster."""
    FAILED = "Failed"
    """TensorFlow refused it."""


class NotFrozenError(Exception):
    """The model is served as it is, for this reason."""

    def __init__(self, obstacle: Obstacle, message: str) -> None:
        super().__init__(message)
        self.obstacle = obstacle
