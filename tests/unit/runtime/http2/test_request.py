"""What fields make a request, and what is taken over from the request before."""

import pytest

from tfmodel_runtime.http2.request import MalformedError, request_of, varied

FIRST = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/s/M"),
    (b"content-type", b"application/grpc"),
    (b"grpc-timeout", b"10S"),
)


def with_timeout(value: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return (*FIRST[:-1], (b"grpc-timeout", value))


def test_a_request_that_varies_in_its_deadline_is_what_reading_it_anew_makes() -> None:
    for fields in (with_timeout(b"9S"), tuple((name, bytes(bytearray(value))) for name, value in FIRST)):
        assert varied(request_of(FIRST), fields) == request_of(fields)


@pytest.mark.parametrize(
    "fields",
    [
        FIRST[:-1],
        (*FIRST[:2], (b":path", b"/s/N"), *FIRST[3:]),
        (*FIRST[:3], (b"content-type", b"text/html"), FIRST[4]),
        (*FIRST[:-1], (b"te", b"trailers")),
    ],
    ids=["fewer", "a path", "a type", "another name"],
)
def test_what_differs_otherwise_is_read_anew(fields) -> None:
    assert varied(request_of(FIRST), fields) is None


def test_of_a_name_that_comes_twice_nothing_is_taken_over() -> None:
    before = (*FIRST, (b"grpc-timeout", b"5S"))
    after = (*with_timeout(b"9S"), before[-1])
    assert varied(request_of(before), after) is None


def test_a_value_that_may_not_be_is_refused_also_where_the_rest_is_known() -> None:
    with pytest.raises(MalformedError):
        varied(request_of(FIRST), with_timeout(b"9S\n"))
