"""What a client may take, and the connections beyond it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take; 0 connections is no limit."""

    header_bytes: int = 64 * 1024
    header_seconds: float = 10.0
    body_seconds: float = 60.0
    connections: int = 0
    guests: int = 64


class Guest(Protocol):
    """A connection."""

    def leave_now(self) -> None:
        """Ends it at once."""


class Guests:
    """Connections beyond the limit, in the order in which they came."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._here: dict[Guest, None] = {}

    def welcome(self, guest: Guest) -> None:
        """Takes one more; where there are too many, the first leaves."""
        if len(self._here) >= self._most:
            first = next(iter(self._here))
            del self._here[first]
            first.leave_now()
        self._here[guest] = None

    def leave(self, guest: Guest) -> None:
        """One is gone, or was none."""
        self._here.pop(guest, None)
