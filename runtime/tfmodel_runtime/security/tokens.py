"""Bearer tokens: whoever shows one of a file's may ask."""

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from tfmodel_runtime.errors import InvalidInputError

_SCHEME = b"bearer"


def read(path: Path) -> frozenset[bytes]:
    """The tokens in a file, one a line.

    Raises:
        OSError: it cannot be read.
        InvalidInputError: it holds none, or one with a space in it.
    """
    found = frozenset(filter(None, (line.strip() for line in path.read_bytes().splitlines())))
    if not found:
        raise InvalidInputError(f"{path} holds no token: expected one a line")
    if any(len(token.split()) > 1 for token in found):
        raise InvalidInputError(f"{path} holds a token with a space in it: expected one a line")
    return found


class Tokens:
    """The tokens that count now; `use` replaces them. Only digests are kept."""

    def __init__(self, tokens: Iterable[bytes]) -> None:
        self.use(tokens)

    def use(self, tokens: Iterable[bytes]) -> None:
        """From now on these count, and no others."""
        self._digests = tuple(_digest(token) for token in tokens)

    def admits(self, authorization: bytes) -> bool:
        """Whether an Authorization header shows one of them; how long it takes tells nothing of the tokens."""
        scheme, _, token = authorization.strip().partition(b" ")
        shown = _digest(token.strip())
        found = False
        for digest in self._digests:
            found |= hmac.compare_digest(shown, digest)
        return found and scheme.lower() == _SCHEME


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
