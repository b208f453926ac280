"""The lanes of Predict over gRPC: which of them a message takes, by its length and what stands around its tensor's bytes."""

from typing import Any

from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE
from tfmodel_runtime.grpc.content_rows import Answering, ContentRows, like
from tfmodel_runtime.lanes import Lane, Receiver
from tfmodel_runtime.predict import Call, Predictor

_MOST_BYTES = 2**16
_MOST_KINDS = 8
"""Kinds of one length. That many messages of a length are looked at, whether they make a kind or not."""
_MOST_HELD_BYTES = 2**22
_OVERHEAD_BYTES = 1024


class PredictLanes:
    """Takes Predict's messages that are of a kind that was met before."""

    def __init__(self, predictor: Predictor, answer: Answering) -> None:
        self._predictor = predictor
        self._answer = answer
        self._kinds: dict[int, list[tuple[ContentRows, Lane]]] = {}
        self._looked_at: dict[int, int] = {}
        self._held_bytes = 0

    def take(self, message: bytes, receiver: Receiver) -> bool:
        """Takes a message, whose answer comes within a few turns of the loop; false if it goes the usual way."""
        for rows, lane in self._kinds.get(len(message), ()):
            if rows.admits(message):
                return lane.take(message, receiver)
        return False

    def learn(self, message: bytes, request: Any, call: Call) -> None:
        """Keeps what a message that was answered the usual way has in common with others, if it is one of a kind."""
        size = len(message)
        looked_at = self._looked_at.get(size, 0)
        if (
            size > _MOST_BYTES
            or looked_at >= _MOST_KINDS
            or any(rows.admits(message) for rows, _ in self._kinds.get(size, ()))
        ):
            return
        self._hold(size)
        self._looked_at[size] = looked_at + 1
        rows = like(message, request, self._answer)
        if rows is not None:
            signature = call.signature or DEFAULT_SIGNATURE
            lane = Lane(self._predictor, Call(call.model, call.version, call.label, signature, call.protocol), rows)
            self._kinds.setdefault(size, []).append((rows, lane))

    def _hold(self, size: int) -> None:
        """Room for so much more of what is known; where there is none, all is forgotten, and learned again."""
        self._held_bytes += size + _OVERHEAD_BYTES
        if self._held_bytes > _MOST_HELD_BYTES:
            self._held_bytes = size + _OVERHEAD_BYTES
            self._kinds.clear()
            self._looked_at.clear()
