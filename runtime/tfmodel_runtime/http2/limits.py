"""What a client may take of time and memory."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of each connection, and of all of them together (`connections`, `buffered_bytes`).

    Windows are those that clients may fill without waiting. Times are in seconds; None: no bound. `body_seconds` is for a request
    to come whole and for an answer to be taken.
    """

    connections: int = 4096
    buffered_bytes: int = 2**30
    streams: int = 1024
    header_list_bytes: int = 16 * 1024
    header_block_bytes: int = 32 * 1024
    stream_window: int = 4 * 2**20
    connection_window: int = 16 * 2**20
    frame_bytes: int = 2**16
    header_seconds: float = 10.0
    body_seconds: float = 60.0
    idle_seconds: float | None = None
    age_seconds: float | None = None
    age_grace_seconds: float | None = None
    keepalive_seconds: float | None = 300.0
    keepalive_timeout_seconds: float = 20.0
    patience: int = 1000
    patience_each_second: int = 200


class Patience:
    """How much a client may ask for that is of no use: it is spent by pings, resets and the like, and earned by answers taken."""

    def __init__(self, most: int, each_second: int, now: float) -> None:
        self._most = most
        self._each_second = each_second
        self._left = float(most)
        self._at = now

    def earn(self) -> None:
        """Something useful was done."""
        if self._left < self._most:
            self._left += 1

    def spend(self, now: float) -> bool:
        """Something useless was asked for; False: that was once too often."""
        self._left = min(self._most, self._left + (now - self._at) * self._each_second) - 1
        self._at = now
        return self._left >= 0
