"""What several processes together tell of a version."""

from itertools import product

import pytest

from tfmodel_runtime.processes.agreement import together
from tfmodel_runtime.servables.servable import VersionState
from tfmodel_runtime.servables.states import WIRE_NUMBERS


def states(*told: str | None) -> str:
    """The state of version 1, where each process tells this; None knows nothing of it."""
    found = together([[VersionState(1, one, 0, "")] if one else [] for one in told])
    return found[0].state


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (("AVAILABLE", "AVAILABLE"), "AVAILABLE"),
        (("AVAILABLE", "LOADING"), "LOADING"),
        (("AVAILABLE", "START"), "LOADING"),
        (("AVAILABLE", None), "LOADING"),
        (("START", "START"), "START"),
        (("START", None), "START"),
        (("AVAILABLE", "UNLOADING"), "UNLOADING"),
        (("AVAILABLE", "END"), "UNLOADING"),
        (("UNLOADING", None), "UNLOADING"),
        (("END", "END"), "END"),
        (("END", None), "END"),
    ],
)
def test_the_state_of_two(told: tuple[str | None, ...], found: str) -> None:
    assert states(*told) == states(*reversed(told)) == found


def test_a_version_is_available_only_if_it_is_so_in_each() -> None:
    for told in product((*WIRE_NUMBERS, None), repeat=3):
        if any(told):
            assert (states(*told) == "AVAILABLE") == (set(told) == {"AVAILABLE"})


def test_a_failure_in_one_is_the_failure_of_all() -> None:
    failed = VersionState(2, "END", 8, "it needs about 900 MiB")
    found = together([[VersionState(2, "AVAILABLE", 0, "")], [failed]])
    assert found == [failed]


def test_an_error_that_is_tried_again_is_told() -> None:
    retried = VersionState(2, "LOADING", 5, "no such file")
    assert together([[VersionState(2, "AVAILABLE", 0, "")], [retried]]) == [retried]


def test_the_newest_comes_first() -> None:
    one, two = VersionState(1, "AVAILABLE", 0, ""), VersionState(2, "LOADING", 0, "")
    assert together([[two, one], [one]]) == [two, one]
    assert together([[], []]) == []
