"""Each argument of --grpc_channel_arguments takes effect or is refused by name."""

from dataclasses import asdict

import pytest

from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.grpc import arguments
from tfmodel_runtime.grpc.arguments import Bounds, apply
from tfmodel_runtime.http2.limits import Limits

BEFORE = Bounds(Limits(), 1)


@pytest.mark.parametrize("name", sorted(arguments._KNOWN))
def test_each_changes_a_bound(name: str) -> None:
    assert asdict(apply(BEFORE, [(name, 70_000)])) != asdict(BEFORE)


def test_times_are_milliseconds_and_the_largest_number_is_no_bound() -> None:
    told = [("grpc.keepalive_time_ms", 2**31 - 1), ("grpc.max_connection_age_ms", 1500)]
    limits = apply(BEFORE, told).limits
    assert (limits.keepalive_seconds, limits.age_seconds) == (None, 1.5)


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        (("grpc.http2.hpack_table_size.decoder", 1), "is not honoured; expected one of"),
        (("grpc.max_concurrent_streams", 0), "expected a whole number from 1 to"),
        (("grpc.max_connection_age_ms", "x"), "expected a whole number from 1000 to"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(argument, told: str) -> None:
    with pytest.raises(InvalidInputError, match=f"{argument[0]}.*{told}"):
        apply(BEFORE, [argument])
