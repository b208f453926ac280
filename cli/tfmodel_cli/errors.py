"""What ends a command: a sentence for the user, and what to do."""


class CommandError(Exception):
    """The command cannot go on. The text is shown as it is; `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
