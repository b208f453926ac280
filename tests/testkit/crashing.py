"""What a model that crashes its process does."""

import os
import signal


def kill_oneself(*_: object) -> None:
    """Ends the process at once."""
    os.kill(os.getpid(), signal.SIGKILL)
