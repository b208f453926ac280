"""How much may be fetched, how long it may take, and what is left of that."""

import time
from collections.abc import Callable

from tfmodel.api.reasons import FailureReason
from tfmodel.contract import FetchRequest
from tfmodel_trainer.errors import ExportError


class Budget:
    """What one fetch may still take. `clock` tells seconds."""

    def __init__(self, request: FetchRequest, clock: Callable[[], float] = time.monotonic) -> None:
        self._request = request
        self._clock = clock
        self._end = clock() + request.max_seconds
        self._bytes = 0
        self._files = 0

    def take(self, size: int) -> None:
        """Counts bytes.

        Raises:
            ExportError: they are too many, or the time is up.
        """
        self._bytes += size
        self.check_size(0)
        self.seconds_left()

    def check_size(self, size: int) -> None:
        """Looks whether so many bytes more would fit.

        Raises:
            ExportError: they would not.
        """
        if self._bytes + size > self._request.max_bytes:
            raise too_large(f"it has more than {self._request.max_bytes} bytes")

    def give_back(self, size: int) -> None:
        """Bytes that were thrown away, to be fetched anew."""
        self._bytes -= size

    def take_file(self) -> None:
        """Counts a file.

        Raises:
            ExportError: there are too many.
        """
        self._files += 1
        if self._files > self._request.max_files:
            raise too_large(f"it has more than {self._request.max_files} files")

    def seconds_left(self) -> float:
        """Seconds that are left.

        Raises:
            ExportError: none are.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise ExportError(
                FailureReason.DOWNLOAD_FAILED,
                f"the model was not there after {self._request.max_seconds:g} s",
                "put the model nearer to the cluster, or fetch less",
                is_retriable=True,
            )
        return left


def too_large(told: str) -> ExportError:
    """The failure of what is too large."""
    return ExportError(FailureReason.SOURCE_TOO_LARGE, told, "name the model itself, not a folder above it")
