"""A connection over a transport that is none: whatever a client sends, it does not raise, and what it keeps and sends is bounded."""

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmodel_runtime.http2 import frames
from tfmodel_runtime.http2.connection import Connection
from tfmodel_runtime.http2.delayed import Delayed
from tfmodel_runtime.http2.frames import ErrorCode, Setting
from tfmodel_runtime.http2.header_blocks import encode
from tfmodel_runtime.http2.limits import Limits
from tfmodel_runtime.http2.listener import sweep
from tfmodel_runtime.http2.request import Request
from tfmodel_runtime.http2.shared import Shared
from tfmodel_runtime.http2.stream import Receiver, Stream

LIMITS = Limits(streams=8, patience=50, patience_each_second=0)
BEGUN = frames.PREFACE + frames.settings({})
HEAD = encode([(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b":authority", b"b")])
OK = encode([(b":status", b"200")])
TRAILERS = encode([(b"grpc-status", b"0")])
LATELY = 256


def frame(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    return frames.head(len(payload), kind, flags, number) + payload


def headers(number: int, *, is_last: bool = False) -> bytes:
    return frame(frames.HEADERS, frames.END_HEADERS | is_last, number, HEAD)


def frames_of(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Kind, flags, stream and payload of each."""
    while data:
        high, low, kind, flags, number = frames.HEAD.unpack_from(data)
        end = frames.HEADER_BYTES + (high << 8 | low)
        assert len(data) >= end
        yield kind, flags, number, data[frames.HEADER_BYTES : end]
        data = data[end:]


class Wire(asyncio.Transport):
    """Takes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def taken(self) -> list[tuple[int, int, int, bytes]]:
        """The frames that were written since the last time."""
        data, self.written = self.written, b""
        return list(frames_of(data))


class Answering:
    """Answers each whole request with a body of its own size, and remembers what it was told."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.open: dict[int, Stream] = {}
        self.aborted = 0

    def begin(self, stream: Stream, request: Request | None) -> Receiver:
        self.open[stream.number] = stream
        return Answer(self, stream)


class Answer:
    def __init__(self, all_: Answering, stream: Stream) -> None:
        self.all = all_
        self.stream = stream

    def received(self, data: bytes, *, is_last: bool) -> None:
        if is_last:
            self.all.open.pop(self.stream.number)
            self.stream.answer(OK, bytes(self.all.size), TRAILERS)

    def aborted(self) -> None:
        self.all.aborted += 1
        del self.all.open[self.stream.number]

    def expired(self) -> None:
        self.stream.finish(TRAILERS)

    stopping = cut = expired


def connected(limits: Limits = LIMITS, size: int = 10) -> tuple[Connection, Wire, Answering]:
    """A connection whose client has said nothing yet; must be called in a loop."""
    answering = Answering(size)
    connection, wire = Connection(Shared(limits, answering.begin, Delayed(asyncio.get_running_loop()))), Wire()
    connection.connection_made(wire)
    return connection, wire, answering


def in_a_loop(what: Callable[[], None]) -> None:
    async def run() -> None:
        what()

    asyncio.run(run())


def code_of_goaway(wire: Wire) -> int:
    told = [payload for kind, _, _, payload in wire.taken() if kind == frames.GOAWAY]
    assert len(told) == 1
    assert wire.is_closed
    return int.from_bytes(told[0][4:8], "big")


numbers = st.integers(0, 9) | st.sampled_from([2**31 - 1, 2**32 - 1])
noise = st.tuples(st.integers(0, 11), st.integers(0, 255), numbers, st.binary(max_size=40)).map(lambda one: frame(*one))
increments = st.integers(0, 5) | st.sampled_from([1000, 70_000, 2**31 - 1])
settings_ = st.dictionaries(
    st.sampled_from([Setting.INITIAL_WINDOW_SIZE, Setting.MAX_FRAME_SIZE]), st.sampled_from([0, 1, 900, 16_384, 70_000])
).map(frames.settings)
likely = (
    st.tuples(numbers, st.booleans()).map(lambda one: headers(one[0], is_last=one[1]))
    | st.tuples(numbers, st.sampled_from([0, 1]), st.binary(max_size=40)).map(
        lambda one: frame(0, *one[1:2], one[0], one[2])
    )
    | st.tuples(numbers, increments).map(lambda one: frames.window_update(*one))
    | settings_
    | numbers.map(lambda number: frames.rst_stream(number, 8))
)


@given(st.booleans(), st.lists(noise | likely | st.binary(max_size=60), max_size=40), st.integers(0, 2**16))
def test_whatever_frames_come_nothing_raises_and_what_is_kept_is_bounded(
    is_begun: bool, told: list[bytes], seed: int
) -> None:
    def run() -> None:
        connection, wire, answering = connected(size=100_000)
        cut = random.Random(seed)
        data = (BEGUN if is_begun else b"") + b"".join(told)
        while data:
            size = cut.randint(1, 200)
            connection.data_received(data[:size])
            data = data[size:]
            assert len(connection.streams) <= LIMITS.streams
            assert len(connection._rest) < LIMITS.frame_bytes + frames.HEADER_BYTES
            assert sum(map(len, connection._block)) <= LIMITS.header_block_bytes
            assert len(connection._lately) <= LATELY
            assert wire.is_closed == (connection.closing_since is not None)
        if is_begun:
            assert list(frames_of(wire.written))
        connection.connection_lost(None)
        assert not connection.streams
        assert not answering.open

    in_a_loop(run)


class Windows:
    """A client's windows: what it has allowed, less what came."""

    def __init__(self) -> None:
        self.initial = self.connection = frames.DEFAULT_WINDOW
        self.frame_bytes = frames.LEAST_FRAME_BYTES
        self.streams: dict[int, int] = {}

    def begin(self, number: int) -> bytes:
        self.streams[number] = self.initial
        return headers(number, is_last=True)

    def widen(self, number: int, increment: int) -> bytes:
        if number == 0:
            self.connection += increment
        else:
            self.streams[number] += increment
        return frames.window_update(number, increment)

    def set(self, initial: int, frame_bytes: int) -> bytes:
        self.streams = {number: left + initial - self.initial for number, left in self.streams.items()}
        self.initial, self.frame_bytes = initial, frame_bytes
        return frames.settings({Setting.INITIAL_WINDOW_SIZE: initial, Setting.MAX_FRAME_SIZE: frame_bytes})

    def take(self, told: list[tuple[int, int, int, bytes]]) -> int:
        """Bytes that came."""
        sizes = [(number, len(payload)) for kind, _, number, payload in told if kind == frames.DATA]
        for number, size in sizes:
            self.connection -= size
            self.streams[number] -= size
            assert size <= self.frame_bytes
            assert self.connection >= 0
            assert self.streams[number] >= 0
        return sum(size for _, size in sizes)


steps = (
    st.just(("begin", 0, 0))
    | st.tuples(st.just("widen"), st.integers(0, 8), st.sampled_from([1, 2000, 30_000]))
    | st.tuples(st.just("set"), st.sampled_from([0, 1, 5000, 65_535]), st.sampled_from([16_384, 20_000, 2**20]))
)


@settings(max_examples=50)
@given(st.lists(steps, max_size=40), st.sampled_from([1, 20_000, 150_000]))
def test_what_is_sent_never_exceeds_the_windows_and_all_of_it_comes_in_the_end(told, size: int) -> None:
    def run() -> None:
        limits = Limits(patience=10_000)
        connection, wire, _ = connected(limits, size)
        client, got = Windows(), 0
        connection.data_received(BEGUN)
        for kind, first, second in told:
            if kind == "begin":
                data = client.begin(2 * len(client.streams) + 1)
            elif kind == "set":
                data = client.set(first, second)
            else:
                number = 2 * first - 1 if 0 < first <= len(client.streams) else 0
                data = client.widen(number, second)
            connection.data_received(data)
            got += client.take(wire.taken())
        for number in (0, *client.streams):
            connection.data_received(client.widen(number, 2**27))
            got += client.take(wire.taken())
        assert got == size * len(client.streams)
        assert not connection.streams

    in_a_loop(run)


@pytest.mark.parametrize("preface", [b"PRI * HTTP/3.0\r\n\r\n", bytes(24), b"\x16\x03\x01\x02\x00\x01"])
async def test_a_bad_preface_ends_the_connection(preface: bytes) -> None:
    connection, wire, _ = connected()
    connection.data_received(preface)
    assert code_of_goaway(wire) == ErrorCode.PROTOCOL_ERROR


async def test_a_preface_may_come_byte_by_byte_and_settings_must_follow() -> None:
    connection, wire, _ = connected()
    for place in range(len(BEGUN)):
        connection.data_received(BEGUN[place : place + 1])
    assert connection.is_established
    other, wire, _ = connected()
    other.data_received(frames.PREFACE + frames.ping(bytes(8), is_ack=False))
    assert code_of_goaway(wire) == ErrorCode.PROTOCOL_ERROR


async def test_an_http_1_request_is_told_in_its_own_words() -> None:
    connection, wire, _ = connected()
    connection.data_received(b"POST /v1/models/a:predict HTTP/1.1\r\nHost: a\r\n\r\n")
    assert wire.written.startswith(b"HTTP/1.1 505 ")
    assert b"HTTP/2" in wire.written.partition(b"\r\n\r\n")[2]
    assert wire.is_closed


def ping_flood(_number: int) -> bytes:
    return frames.ping(bytes(8), is_ack=False)


def rapid_resets(number: int) -> bytes:
    return headers(number) + frames.rst_stream(number, ErrorCode.CANCEL)


def resets_that_the_server_is_made_to_send(number: int) -> bytes:
    return headers(number) + frames.window_update(number, 0)


def settings_flood(_number: int) -> bytes:
    return frames.settings({})


def empty_frames(_number: int) -> bytes:
    return headers(1) + frame(frames.DATA, 0, 1, b"") if _number == 1 else frame(frames.DATA, 0, 1, b"")


@pytest.mark.parametrize(
    "flood", [ping_flood, rapid_resets, resets_that_the_server_is_made_to_send, settings_flood, empty_frames]
)
async def test_a_flood_is_told_to_be_calm(flood: Callable[[int], bytes]) -> None:
    connection, wire, answering = connected()
    connection.data_received(BEGUN)
    for number in range(1, 4 * LIMITS.patience, 2):
        connection.data_received(flood(number))
    assert code_of_goaway(wire) == ErrorCode.ENHANCE_YOUR_CALM
    connection.connection_lost(None)
    assert not answering.open


async def test_calls_that_are_answered_spend_no_patience() -> None:
    connection, wire, _ = connected()
    connection.data_received(BEGUN)
    for number in range(1, 20 * LIMITS.patience, 2):
        connection.data_received(headers(number, is_last=True) + frames.ping(bytes(8), is_ack=False))
    assert not wire.is_closed


async def test_nothing_that_comes_after_the_end_is_kept() -> None:
    connection, _, _ = connected()
    connection.data_received(bytes(24))
    for _ in range(10):
        connection.data_received(bytes(1000))
    assert len(connection._rest) <= 1000


async def test_a_header_block_without_end_is_not_gathered() -> None:
    connection, wire, _ = connected()
    connection.data_received(BEGUN + frame(frames.HEADERS, 0, 1, HEAD))
    for _ in range(40):
        connection.data_received(frame(frames.CONTINUATION, 0, 1, b"\x00\x01a\x00"))
    assert code_of_goaway(wire) == ErrorCode.ENHANCE_YOUR_CALM


async def test_a_frame_of_many_settings_counts_the_last_of_each() -> None:
    connection, wire, _ = connected(size=100)
    one = frames.SETTING.pack(Setting.INITIAL_WINDOW_SIZE, 0)
    connection.data_received(BEGUN + frame(frames.SETTINGS, 0, 0, one + frames.SETTING.pack(4, 7)))
    connection.data_received(headers(1, is_last=True))
    assert [len(payload) for kind, _, _, payload in wire.taken() if kind == frames.DATA] == [7]


async def test_who_takes_nothing_of_an_answer_that_goes_on_is_reset_and_its_receiver_told() -> None:
    connection, wire, answering = connected()
    connection.data_received(
        frames.PREFACE + frames.settings({Setting.INITIAL_WINDOW_SIZE: 0}) + headers(1, is_last=False)
    )
    stream = answering.open[1]
    stream.begin(OK)
    stream.send(b"news")
    stream.due = None
    sweep(connection, LIMITS, connection.heard_at + LIMITS.body_seconds + 1)
    assert frames.RST_STREAM in [kind for kind, *_ in wire.taken()]
    assert answering.aborted == 1
    assert not answering.open


async def test_a_ping_is_acknowledged_with_the_next_answer_or_soon_without_one() -> None:
    connection, wire, _ = connected()
    connection.data_received(BEGUN)
    wire.taken()
    acknowledged = (frames.PING, frames.ACK, 0, b"12345678")
    connection.data_received(frames.ping(b"12345678", is_ack=False))
    assert wire.taken() == []
    connection.data_received(headers(1, is_last=True))
    assert wire.taken()[0] == acknowledged
    connection.data_received(frames.ping(b"12345678", is_ack=False) * 2)
    for _ in range(1000):
        if wire.written:
            break
        await asyncio.sleep(0.001)
    assert wire.taken() == [acknowledged] * 2
