"""Kubernetes quantities (`1Gi`, `500m`), durations (`5s`) and comparisons (`>=0.9`) as numbers.

The grammar of a quantity is that of apimachinery's `resource.Quantity`; a value is kept as a fraction, so
that nothing is rounded on the way. No quantity of a TFModel may be negative.
"""

import operator
import re
from fractions import Fraction

QUANTITY_PATTERN = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][-+]?[0-9]+)?$"

_SUFFIXES: dict[str, Fraction] = {
    "": Fraction(1),
    **{suffix: Fraction(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
    **{suffix: Fraction(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{suffix: Fraction(1, 1000**power) for power, suffix in enumerate(("m", "u", "n"), start=1)},
}
DURATION_PATTERN = r"^[0-9]+(ms|s|m|h)$"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_QUANTITY = re.compile(r"^([0-9.]+)(.*)$")
_COMPARISON = re.compile(r"^(>=|<=|==|>|<) ?(\S+)$")
_OPERATORS = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}


def parse_quantity(text: str) -> Fraction:
    """The value of a quantity in its base unit (bytes, cores).

    Raises:
        ValueError: `text` is not a quantity.
    """
    if not re.match(QUANTITY_PATTERN, text):
        raise ValueError(f"expected a quantity such as 1Gi or 500m, got {text!r}")
    found = _QUANTITY.match(text)
    assert found is not None  # noqa: S101 - the pattern above has matched
    number, suffix = found.groups()
    if suffix[:1] in ("e", "E") and suffix[1:]:
        return Fraction(f"{number.rstrip('.')}{suffix}")
    return Fraction(number.rstrip(".")) * _SUFFIXES[suffix]


def parse_duration(text: str) -> float:
    """The seconds of a duration such as 500ms, 5s, 2m or 1h.

    Raises:
        ValueError: `text` is no duration.
    """
    found = re.match(r"^([0-9]+)(ms|s|m|h)$", text)
    if found is None:
        raise ValueError(f"expected a duration such as 500ms or 5s, got {text!r}")
    return int(found[1]) * _SECONDS[found[2]]


def comparison_holds(comparison: str, value: float) -> bool:
    """Whether `value` satisfies a comparison such as `>=0.9`. NaN satisfies none.

    Raises:
        ValueError: `comparison` is not one of >=, <=, >, <, == followed by a number.
    """
    found = _COMPARISON.match(comparison)
    if found is None:
        raise ValueError(f"expected a comparison such as >=0.9, got {comparison!r}")
    sign, bound = found.groups()
    return bool(_OPERATORS[sign](value, float(bound)))
