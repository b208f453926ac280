"""What all connections of a server have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tfmodel_runtime.http2.delayed import Delayed
from tfmodel_runtime.http2.limits import Limits
from tfmodel_runtime.http2.request import Request
from tfmodel_runtime.http2.stream import Receiver, Stream

if TYPE_CHECKING:
    from tfmodel_runtime.http2.connection import Connection

Begin = Callable[[Stream, Request | None], Receiver]
"""Answers a request; None stands for one whose fields are too large."""


@dataclass(slots=True)
class Shared:
    """What all connections of a server have in common."""

    limits: Limits
    begin: Begin
    delayed: Delayed
    connections: set[Connection] = field(default_factory=set)
    is_empty: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the last connection is gone."""
