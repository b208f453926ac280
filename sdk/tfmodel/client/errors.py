"""What a caller of a served model can meet.

ClientError
├── UnreachableError   no answer came: no connection, none in time, or over gRPC a server that calls itself unavailable
├── ServingError       the server answered with an error: its code and its words
└── AnswerError        the server answered with what the protocol does not know
"""


class ClientError(Exception):
    """A call did not lead to an answer."""


class UnreachableError(ClientError):
    """No answer came from `target`."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"{target} does not answer: {reason}")
        self.target = target
        self.reason = reason


class ServingError(ClientError):
    """The server's own error. `code` is an HTTP status over REST ("404") and a canonical code over gRPC ("NOT_FOUND")."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class AnswerError(ClientError):
    """An answer that cannot be read."""
