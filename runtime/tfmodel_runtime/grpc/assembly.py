"""Puts messages together from parts of a body, within bounds."""

import asyncio
from dataclasses import dataclass

from tfmodel_runtime.grpc import framing
from tfmodel_runtime.grpc.statuses import StatusError
from tfmodel_runtime.statuses import Code


@dataclass(slots=True)
class Intake:
    """What all calls of a server share: bounds of messages, and the bytes of those that are not whole yet."""

    loop: asyncio.AbstractEventLoop
    most_message_bytes: int
    most_held_bytes: int
    body_seconds: float
    held_bytes: int = 0

    def hold(self, count: int) -> None:
        """Counts so many bytes as held, until they are let go of.

        Raises:
            StatusError: all calls together hold too much. The bytes are counted even so.
        """
        self.held_bytes += count
        if self.held_bytes > self.most_held_bytes:
            raise StatusError(Code.RESOURCE_EXHAUSTED, "too much of unfinished messages is held: try again")

    def let_go(self, count: int) -> None:
        """Counts so many bytes no more."""
        self.held_bytes -= count


class Assembler:
    """Messages of one call. What it holds is counted until it is taken, or `close` is called."""

    __slots__ = ("_encoding", "_intake", "_parts", "_size", "_wanted")

    def __init__(self, intake: Intake, encoding: bytes) -> None:
        self._intake = intake
        self._encoding = encoding
        self._parts: list[bytes] = []
        self._size = 0
        self._wanted = framing.PREFIX_BYTES
        """Bytes that must be there before anything can be done with them."""

    @property
    def is_partial(self) -> bool:
        """Whether a part of a message is there."""
        return self._size > 0

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole with this part.

        Raises:
            StatusError: one is too large or not readable, or too many unfinished ones are held.
        """
        self._parts.append(data)
        self._size += len(data)
        if self._size < self._wanted:
            self._intake.hold(len(data))
            return []
        self._intake.held_bytes += len(data)
        return self._take()

    def _take(self) -> list[bytes]:
        found: list[bytes] = []
        held = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        place = 0
        while len(held) - place >= framing.PREFIX_BYTES:
            begin = place + framing.PREFIX_BYTES
            size = int.from_bytes(held[place + 1 : begin], "big")
            if size > self._intake.most_message_bytes:
                raise _too_large(size, self._intake.most_message_bytes)
            if len(held) - begin < size:
                self._wanted = framing.PREFIX_BYTES + size
                break
            found.append(self._read(held[place], held[begin : begin + size]))
            place = begin + size
            self._wanted = framing.PREFIX_BYTES
        self.close()
        if place < len(held):
            self._parts = [held[place:]]
            self._size = len(held) - place
            self._intake.hold(self._size)
        return found

    def _read(self, flag: int, message: bytes) -> bytes:
        if flag == 0:
            return message
        if flag != 1 or self._encoding == b"identity":
            raise StatusError(Code.INTERNAL, "a message is marked as compressed, and no grpc-encoding is told")
        try:
            found = framing.decompressed(message, self._encoding, self._intake.most_message_bytes)
        except ValueError as error:
            raise StatusError(Code.INTERNAL, f"a message is no {self._encoding.decode()}: {error}") from None
        if found is None:
            raise _too_large(self._intake.most_message_bytes + 1, self._intake.most_message_bytes)
        return found

    def close(self) -> None:
        """Lets go of what is held."""
        self._intake.let_go(self._size)
        self._parts = []
        self._size = 0


def _too_large(size: int, most: int) -> StatusError:
    return StatusError(Code.RESOURCE_EXHAUSTED, f"SERVER: Received message larger than max ({size} vs. {most})")
