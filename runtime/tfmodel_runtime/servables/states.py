"""The states of a version. They only move forward; a version that failed or was unloaded is loaded again as a new servable."""

from enum import Enum


class State(Enum):
    """What has happened to a version, and what may be relied on."""

    NEW = "New"
    """Seen in the source, nothing done yet."""
    LOADING = "Loading"
    """A thread restores it, or the next attempt is due."""
    AVAILABLE = "Available"
    """Loaded and warmed up: requests are answered."""
    DRAINING = "Draining"
    """No new requests get it; those that hold it finish."""
    UNLOADED = "Unloaded"
    """Its memory is given back."""
    FAILED = "Failed"
    """Every attempt to load it failed; the error is kept."""

    @property
    def wire_name(self) -> str:
        """TensorFlow Serving's name of the state (get_model_status.proto)."""
        return _WIRE_NAMES[self]


LEGAL_MOVES: dict[State, frozenset[State]] = {
    State.NEW: frozenset({State.LOADING}),
    State.LOADING: frozenset({State.AVAILABLE, State.FAILED}),
    State.AVAILABLE: frozenset({State.DRAINING}),
    State.DRAINING: frozenset({State.UNLOADED}),
    State.UNLOADED: frozenset(),
    State.FAILED: frozenset(),
}

_WIRE_NAMES = {
    State.NEW: "START",
    State.LOADING: "LOADING",
    State.AVAILABLE: "AVAILABLE",
    State.DRAINING: "UNLOADING",
    State.UNLOADED: "END",
    State.FAILED: "END",
}
WIRE_NUMBERS = {"START": 10, "LOADING": 20, "AVAILABLE": 30, "UNLOADING": 40, "END": 50}
