"""Runs of DATA frames are taken together, as far as each is plain, whole and of the same stream."""

import pytest

from tfmodel_runtime.http2 import frames
from tfmodel_runtime.http2.frames import DATA, END_STREAM, HEADER_BYTES, PADDED, PING

MOST = 100


def frame(payload: bytes, kind: int = DATA, flags: int = 0, stream: int = 1) -> bytes:
    return frames.head(len(payload), kind, flags, stream) + payload


def run_of(data: bytes) -> tuple[bytes, bytes]:
    """The payloads of the run that a message begins with, and what is left after it."""
    end = HEADER_BYTES + int.from_bytes(data[:3])
    payloads, end = frames.run_of_data(data, HEADER_BYTES, end, data[4], MOST)
    return payloads, data[end:]


def test_frames_of_one_stream_are_one_run() -> None:
    assert run_of(frame(b"ab") + frame(b"c") + frame(b"d" * MOST)) == (b"abc" + b"d" * MOST, b"")


@pytest.mark.parametrize(
    "other",
    [
        frame(b"x", stream=3),
        frame(b"x", flags=END_STREAM),
        frame(b"\0x", flags=PADDED),
        frame(b"x" * 8, kind=PING),
        frame(b""),
        frame(b"x" * (MOST + 1)),
    ],
)
def test_what_is_no_such_frame_ends_the_run(other: bytes) -> None:
    assert run_of(frame(b"ab") + frame(b"c") + other + frame(b"z")) == (b"abc", other + frame(b"z"))
    assert run_of(frame(b"ab") + other) == (b"ab", other)


@pytest.mark.parametrize("part", [frame(b"xyz")[:length] for length in range(HEADER_BYTES + 3)])
def test_a_frame_that_is_not_whole_ends_the_run(part: bytes) -> None:
    assert run_of(frame(b"ab") + frame(b"c") + part) == (b"abc", part)


@pytest.mark.parametrize("flags", [END_STREAM, PADDED])
def test_a_frame_with_flags_is_taken_alone(flags: int) -> None:
    assert run_of(frame(b"ab", flags=flags) + frame(b"c", flags=flags)) == (b"ab", frame(b"c", flags=flags))


def test_an_empty_frame_begins_no_run() -> None:
    assert run_of(frame(b"") + frame(b"c")) == (b"", frame(b"c"))
