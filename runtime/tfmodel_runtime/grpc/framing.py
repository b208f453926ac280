"""gRPC's own part of the wire: messages with a prefix, compression, timeouts, percent-encoded texts, binary metadata.

(grpc/doc/PROTOCOL-HTTP2.md, compression.md)
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterable

from tfmodel_runtime.http2.header_blocks import Field

PREFIX_BYTES = 5
ENCODINGS = (b"identity", b"deflate", b"gzip")
ACCEPTED = (b"grpc-accept-encoding", b"identity, deflate, gzip")

_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])").fullmatch
_UNFIT = re.compile(rb"[^ -$&-~]")
_WINDOW_BITS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


def prefixed(message: bytes) -> bytes:
    """A message as it is sent: not compressed, with its length before it."""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def seconds(timeout: bytes) -> float | None:
    """The seconds that a grpc-timeout means; None if it means none."""
    found = _TIMEOUT(timeout)
    return None if found is None else int(found[1]) * _UNITS[found[2]]


def percent_encoded(text: str) -> bytes:
    """A text as grpc-message has it."""
    return _UNFIT.sub(lambda found: b"%%%02X" % found[0][0], text.encode("utf-8", errors="replace"))


def decompressed(message: bytes, encoding: bytes, most_bytes: int) -> bytes | None:
    """A message without its compression; None if it would be larger than allowed.

    Raises:
        ValueError: it is not what the encoding makes, or something follows it.
    """
    reader = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        found = reader.decompress(message, most_bytes + 1)
    except zlib.error as error:
        raise ValueError("it cannot be inflated") from error
    if len(found) > most_bytes:
        return None
    if not reader.eof or reader.unused_data:
        raise ValueError("it ends too early or too late")
    return found


def metadata(fields: Iterable[Field]) -> list[tuple[str, str | bytes]]:
    """What a client sent beside the request, without what belongs to the protocol; `-bin` values are decoded."""
    found: list[tuple[str, str | bytes]] = []
    for name, value in fields:
        if name.startswith((b":", b"grpc-")) or name in (b"te", b"content-type"):
            continue
        if name.endswith(b"-bin"):
            found.extend((name.decode(), part) for part in _binary(value))
        else:
            found.append((name.decode(), value.decode("ascii", errors="replace")))
    return found


def _binary(value: bytes) -> Iterable[bytes]:
    """Values of one field, by commas, in base64 with padding or without."""
    for part in value.split(b","):
        text = part.strip().rstrip(b"=")
        try:
            yield base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
        except binascii.Error:
            yield b""
