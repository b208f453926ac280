"""A request on the express way, where uvicorn looks for the one that it answers."""


class _Never:
    """Uvicorn's event of a request that nobody waits for."""

    def set(self) -> None:
        """Nobody waits."""


class Trip:
    """One request."""

    __slots__ = ("body", "disconnected", "keep_alive", "response_complete", "response_started")
    message_event = _Never()

    def __init__(self) -> None:
        self.body = b""
        self.keep_alive = True
        self.disconnected = False
        self.response_started = False
        self.response_complete = False
