"""Quantities and comparisons."""

from fractions import Fraction

import pytest

from tfmodel.api.quantities import comparison_holds, parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1Gi", 2**30),
        ("500m", Fraction(1, 2)),
        ("1.5", Fraction(3, 2)),
        ("2k", 2000),
        ("1e3", 1000),
        ("1E3", 1000),
        ("2E", 2 * 10**18),
        ("3n", Fraction(3, 10**9)),
        ("0", 0),
        (".5Mi", 2**19),
    ],
)
def test_a_quantity_is_worth(text: str, value: Fraction) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "1Gx", "Gi", "-1", "1 Gi", "1e", "\u0661"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("comparison", "value", "holds"),
    [
        (">=0.9", 0.9, True),
        (">= 0.9", 0.89, False),
        (">0.9", 0.9, False),
        ("<1e-2", 0.001, True),
        ("<=-1", -1.0, True),
        ("==3", 3.0, True),
        (">=0.9", float("nan"), False),
        ("<=0.9", float("nan"), False),
    ],
)
def test_a_comparison_holds(comparison: str, value: float, holds: bool) -> None:
    assert comparison_holds(comparison, value) is holds


def test_what_is_no_comparison_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a comparison"):
        comparison_holds("good", 1.0)
