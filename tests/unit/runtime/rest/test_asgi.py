"""What the REST APIs share."""

import gzip
import zlib

import pytest

from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.rest.asgi import TooLargeError, inflated


@pytest.mark.parametrize(
    ("encoding", "body"), [(b"gzip", gzip.compress(b"text")), (b"deflate", zlib.compress(b"text"))]
)
def test_a_compressed_body_is_inflated_within_its_limit(encoding: bytes, body: bytes) -> None:
    assert inflated(body, encoding, 4) == b"text"
    with pytest.raises(TooLargeError):
        inflated(body, encoding, 3)
    with pytest.raises(InvalidInputError, match="cut short"):
        inflated(body[:-6], encoding, 4)


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br"])
def test_a_body_that_is_encoded_otherwise_is_refused(encoding: bytes) -> None:
    with pytest.raises(InvalidInputError):
        inflated(b"text", encoding, 10)
