"""Messages are put together from any parts, within bounds, and what is held is counted."""

import asyncio
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmodel_runtime.grpc.assembly import Assembler, Intake
from tfmodel_runtime.grpc.framing import prefixed
from tfmodel_runtime.grpc.statuses import StatusError
from tfmodel_runtime.statuses import Code


def intake(most: int = 100, held: int = 1000) -> Intake:
    loop = asyncio.new_event_loop()
    loop.close()
    return Intake(loop, most, held, 60.0)


@given(st.lists(st.binary(max_size=50), max_size=6), st.lists(st.integers(1, 40), max_size=40))
def test_messages_come_out_as_they_went_in_wherever_they_are_cut(messages: list[bytes], cuts: list[int]) -> None:
    shared = intake()
    assembler, data, found = Assembler(shared, b"identity"), b"".join(map(prefixed, messages)), []
    for cut in [*cuts, len(data)]:
        found += assembler.feed(data[:cut])
        data = data[cut:]
    found += assembler.feed(data)
    assert found == messages
    assert (shared.held_bytes, assembler.is_partial) == (0, False)


def test_a_message_beyond_the_bound_is_refused_by_its_prefix() -> None:
    with pytest.raises(StatusError, match=r"Received message larger than max \(101 vs. 100\)") as refused:
        Assembler(intake(), b"identity").feed(prefixed(bytes(101))[:5])
    assert refused.value.code is Code.RESOURCE_EXHAUSTED


def test_unfinished_messages_of_all_calls_together_are_bounded() -> None:
    shared = intake(held=150)
    first = Assembler(shared, b"identity")
    first.feed(prefixed(bytes(100))[:-1])
    with pytest.raises(StatusError) as refused:
        Assembler(shared, b"identity").feed(prefixed(bytes(100))[:-1])
    assert refused.value.code is Code.RESOURCE_EXHAUSTED
    first.close()
    assert shared.held_bytes == 104


@pytest.mark.parametrize(
    ("encoding", "message", "code"),
    [
        (b"identity", b"\x01\x00\x00\x00\x01a", Code.INTERNAL),
        (b"gzip", b"\x02\x00\x00\x00\x01a", Code.INTERNAL),
        (b"gzip", b"\x01\x00\x00\x00\x01a", Code.INTERNAL),
        (b"gzip", b"\x01" + prefixed(gzip.compress(bytes(101)))[1:], Code.RESOURCE_EXHAUSTED),
    ],
)
def test_a_compression_that_cannot_be_is_refused(encoding: bytes, message: bytes, code: Code) -> None:
    with pytest.raises(StatusError) as refused:
        Assembler(intake(), encoding).feed(message)
    assert refused.value.code is code
