"""Why an export ends without a version: one exception, whose reason is of the closed list that status uses."""

from tfmodel.api.reasons import FailureReason
from tfmodel.contract import Failure


class ExportError(Exception):
    """The export cannot go on. `is_retriable` says whether another attempt may succeed."""

    def __init__(self, reason: FailureReason, message: str, hint: str, *, is_retriable: bool = False) -> None:
        super().__init__(message)
        self.failure = Failure(reason=reason, message=message, hint=hint, retriable=is_retriable)
