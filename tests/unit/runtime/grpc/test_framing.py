"""Timeouts, texts, compression and metadata of gRPC's wire."""

import gzip
import urllib.parse
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmodel_runtime.grpc import framing


@pytest.mark.parametrize(
    ("told", "found"),
    [(b"1H", 3600.0), (b"2M", 120.0), (b"3S", 3.0), (b"250m", 0.25), (b"99999999u", 99.999999), (b"5n", 5e-9)],
)
def test_a_timeout_has_a_unit(told: bytes, found: float) -> None:
    assert framing.seconds(told) == pytest.approx(found)


@pytest.mark.parametrize("told", [b"", b"5", b"S", b"-1S", b"123456789S", b"1s", b"1.5S", b"1S "])
def test_what_is_no_timeout(told: bytes) -> None:
    assert framing.seconds(told) is None


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_text_is_printable_ascii_on_the_wire_and_is_read_as_it_was(text: str) -> None:
    encoded = framing.percent_encoded(text)
    assert all(0x20 <= byte <= 0x7E for byte in encoded)
    assert urllib.parse.unquote(encoded.decode()) == text


@given(st.binary(max_size=2000))
def test_both_compressions_are_read(message: bytes) -> None:
    assert framing.decompressed(gzip.compress(message), b"gzip", 2000) == message
    assert framing.decompressed(zlib.compress(message), b"deflate", 2000) == message


def test_a_message_that_unfolds_beyond_the_bound_is_not_unfolded() -> None:
    assert framing.decompressed(gzip.compress(bytes(2**20)), b"gzip", 1000) is None


@pytest.mark.parametrize(
    ("damaged", "told"),
    [
        (b"", "it ends too early"),
        (b"xy", "^it cannot be inflated$"),
        (gzip.compress(b"abc")[:-1], "it ends too early"),
        (gzip.compress(b"abc") + b"x", "or too late"),
    ],
)
def test_what_is_damaged_is_refused_in_our_words(damaged: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        framing.decompressed(damaged, b"gzip", 1000)


def test_binary_metadata_comes_with_padding_or_without_and_several_by_commas() -> None:
    fields = [(b":path", b"/"), (b"te", b"trailers"), (b"grpc-timeout", b"1S"), (b"k", b"v"), (b"a-bin", b"AP8,AP8=")]
    assert framing.metadata(fields) == [("k", "v"), ("a-bin", b"\x00\xff"), ("a-bin", b"\x00\xff")]
