"""How often runtime pods are asked when nothing is awaited: each every 30 s, but all together no more than so many a second.

With many TFModels each is asked more seldom, so that the operator's work at rest stays the same however many there are. Nothing
that the operator does itself waits for such a question: whatever it changes is asked for every second until it is so.
"""

import random
from datetime import timedelta

ASKED_EACH_SECOND = 20
_JITTER = 0.2


def ask_again(after: timedelta, models: int) -> timedelta:
    """When to ask the pods of one of `models` TFModels again: `after`, or later where they are many; a little off, to spread them."""
    seconds = max(after.total_seconds(), models / ASKED_EACH_SECOND)
    return timedelta(seconds=seconds * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311 - jitter, not a secret
