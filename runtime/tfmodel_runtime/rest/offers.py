"""Offers of a client to go on in another protocol, which are not taken up."""

from collections.abc import Iterable

_OFFERS = (b"upgrade", b"http2-settings")


def head_without_offer(method: bytes, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head of a request as a client that offers nothing would send it. Names of headers are in lower case."""
    lines = [b"%s %s HTTP/1.1" % (method, url)]
    for name, value in headers:
        if name == b"connection":
            kept = [one.strip() for one in value.split(b",") if one.strip().lower() not in _OFFERS]
            lines += [b"connection: " + b", ".join(kept)] if kept else []
        elif name not in _OFFERS:
            lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", b""])
