"""HPACK against the library `hpack`: what it writes we read, what we write it reads, and nothing else gets through."""

from contextlib import suppress

import pytest
from hpack import Decoder as TheirDecoder
from hpack import Encoder as TheirEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmodel_runtime.http2.frames import ConnectionFault, ErrorCode
from tfmodel_runtime.http2.header_blocks import TABLE_BYTES, Decoder, Field, TooLargeError, encode

WIDE = 2**20
ENTRY_OVERHEAD = 32
KNOWN = [(b":method", b"POST"), (b":scheme", b"http"), (b"te", b"trailers"), (b"content-type", b"application/grpc")]
names = st.sampled_from([b":path", b"grpc-timeout", b"authorization", b"x-id"]) | st.binary(min_size=1, max_size=30)
values = st.binary(max_size=40) | st.integers(0, 5000).map(lambda size: b"v" * size)
fields_ = st.sampled_from(KNOWN) | st.tuples(names, values)
lists = st.lists(fields_, max_size=8)
sizes = st.none() | st.integers(0, TABLE_BYTES)
steps = st.tuples(lists, st.booleans(), sizes, sizes)


def entries_bytes(entries: list[Field]) -> int:
    return sum(len(name) + len(value) + ENTRY_OVERHEAD for name, value in entries)


@settings(max_examples=50)
@given(st.lists(steps, min_size=1, max_size=12))
def test_what_the_library_writes_is_read_with_evictions_and_changes_of_the_tables_size(told) -> None:
    theirs, ours = TheirEncoder(), Decoder(WIDE)
    for fields, is_huffman, first, second in told:
        for size in (first, second):
            if size is not None:
                theirs.header_table_size = size
        block = theirs.encode(fields, huffman=is_huffman)
        assert ours.decode(block) == tuple(fields)
        assert entries_bytes(ours._entries) == ours._size <= ours._most_size


@settings(max_examples=30)
@given(lists, st.booleans())
def test_a_block_that_comes_again_is_read_alike(fields: list[Field], is_huffman: bool) -> None:
    theirs, ours = TheirEncoder(), Decoder(WIDE)
    for _ in range(4):
        assert ours.decode(theirs.encode(fields, huffman=is_huffman)) == tuple(fields)


@given(st.lists(lists, max_size=4))
def test_the_library_reads_what_is_written_in_any_order_of_blocks(told: list[list[Field]]) -> None:
    theirs = TheirDecoder(max_header_list_size=WIDE)
    blocks = [encode(fields) for fields in told]
    for block, fields in reversed(list(zip(blocks, told, strict=True))):
        assert [tuple(field) for field in theirs.decode(block, raw=True)] == fields


@given(st.lists(st.binary(max_size=200), max_size=6))
def test_random_bytes_raise_nothing_but_what_is_told(blocks: list[bytes]) -> None:
    decoder = Decoder(1024)
    for block in blocks:
        try:
            found = decoder.decode(block)
        except TooLargeError:
            continue
        except ConnectionFault:
            return
        assert entries_bytes(list(found)) <= 1024


@given(lists, st.binary(max_size=3), st.integers(0, 2**16), st.integers(0, 255))
def test_a_block_that_is_damaged_raises_nothing_but_what_is_told(
    fields: list[Field], extra: bytes, place: int, byte: int
) -> None:
    block = bytearray(TheirEncoder().encode(fields) + extra)
    if block:
        block[place % len(block)] = byte
    with suppress(ConnectionFault):
        Decoder(WIDE).decode(bytes(block))


def test_a_list_that_is_too_large_leaves_the_table_right_for_the_next() -> None:
    theirs, ours = TheirEncoder(), Decoder(200)
    with pytest.raises(TooLargeError):
        ours.decode(theirs.encode([(b"x-large", b"a" * 300), (b"x-small", b"b")]))
    assert ours.decode(theirs.encode([(b"x-small", b"b")])) == ((b"x-small", b"b"),)


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",
        b"\xff\xff\xff\xff\xff\xff\x01",
        b"\xc0",
        b"\x3f\xe2\x1f",
        b"\x82\x20",
        b"\x00\x05ab",
        b"\x00\x81\xff\x00",
    ],
    ids=["index 0", "a huge index", "no entry", "a table of 4097", "a size within", "a short string", "no Huffman"],
)
def test_what_is_no_block_loses_the_connection(block: bytes) -> None:
    with pytest.raises(ConnectionFault) as failed:
        Decoder(WIDE).decode(block)
    assert failed.value.code is ErrorCode.COMPRESSION_ERROR


def test_blocks_that_are_kept_to_be_read_faster_are_bounded() -> None:
    decoder = Decoder(16 * 1024)
    for number in range(500):
        for size in (10, 1900, 14_000):
            decoder.decode(encode([(b"x-large", b"%d" % number + b"a" * size)]))
    assert decoder._known
    assert sum(len(block) + entries_bytes(list(fields)) for block, fields in decoder._known.items()) <= 2**17


repeated = st.lists(fields_, min_size=1, max_size=6)
deadlines = st.integers(0, 99).map(lambda number: b"%dm" % number) | st.binary(max_size=60)
blocks_of_calls = st.lists(st.tuples(deadlines, st.booleans(), st.integers(0, 9)), min_size=10, max_size=120)


@settings(max_examples=80)
@given(repeated, blocks_of_calls)
def test_blocks_that_repeat_all_fields_but_a_deadline_are_read_as_the_library_reads_them(fields, calls) -> None:
    """Ten of a hundred blocks say something else between, so that what was foreseen no longer holds."""
    writer, theirs, ours = TheirEncoder(), TheirDecoder(max_header_list_size=WIDE), Decoder(WIDE)
    for value, is_huffman, other in calls:
        told = [*fields, (b"grpc-timeout", value)] if other else [(b"x-other", value), *fields]
        block = writer.encode(told, huffman=is_huffman)
        expected = tuple((bytes(name), bytes(text)) for name, text in theirs.decode(block, raw=True))
        assert ours.decode(block) == expected == tuple(told)
        assert entries_bytes(ours._entries) == ours._size <= ours._most_size


def test_deadlines_that_fill_the_table_push_out_what_is_repeated_and_nothing_is_mistaken() -> None:
    writer, ours = TheirEncoder(), Decoder(WIDE)
    fields = [*KNOWN, (b":path", b"/tensorflow.serving.PredictionService/Predict"), (b"user-agent", b"x" * 40)]
    for number in range(500):
        told = [*fields, (b"grpc-timeout", b"%du" % (29_000_000 + number))]
        assert ours.decode(writer.encode(told)) == tuple(told)
