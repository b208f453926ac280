"""Metrics of several processes as one exposition in Prometheus' text format.

All are printed by the same code, so that one series has one text before its value. Counts and amounts are added; `_created` is the
earliest; what stands for a fact and not for an amount (`_info`, `_state`) is true once.
"""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client.utils import floatToGoString

_ONCE = ("_info", "_state")
_CREATED = "_created"
_LASTING = ("counter", "histogram")


class _Family:
    """The lines of a metric: what is told of it, and its series in order."""

    __slots__ = ("kind", "name", "series", "told")

    def __init__(self, name: str) -> None:
        self.name = name
        self.kind = ""
        self.told: list[str] = []
        self.series: dict[str, str] = {}

    def add(self, key: str, value: str) -> None:
        found = self.series.get(key)
        self.series[key] = value if found is None else _joined(self, found, value)

    def lines(self) -> Iterable[str]:
        yield from self.told
        for key, value in self.series.items():
            yield f"{key} {value}"


def merged(texts: Sequence[bytes]) -> bytes:
    """One exposition of all."""
    return _printed(_families(texts).values())


def lasting(texts: Sequence[bytes]) -> bytes:
    """What of processes that ended still counts: counters and histograms, so that no sum ever falls."""
    families = _families(texts).values()
    kept = {one.name for one in families if one.kind in _LASTING}
    return _printed(one for one in families if one.name in kept or _is_created_of(one.name, kept))


def counter(name: str, count: int) -> bytes:
    """The exposition of one counter without labels; the name is without `_total`."""
    return f"# TYPE {name}_total counter\n{name}_total {float(count)}\n".encode()


def _is_created_of(name: str, kept: set[str]) -> bool:
    base = name.removesuffix(_CREATED)
    return name.endswith(_CREATED) and not kept.isdisjoint((base, f"{base}_total"))


def _printed(families: Iterable[_Family]) -> bytes:
    lines = [line for family in families for line in family.lines()]
    return ("\n".join(lines) + "\n").encode() if lines else b""


def _families(texts: Sequence[bytes]) -> dict[str, _Family]:
    found: dict[str, _Family] = {}
    for text in texts:
        family = _Family("")
        for line in text.decode().split("\n"):
            if line.startswith("# "):
                name = line.split(" ", 3)[2]
                family = found.setdefault(name, _Family(name))
                _tell(family, line)
            elif line:
                key, _, value = line.rpartition(" ")
                family.add(key, value)
    return found


def _tell(family: _Family, line: str) -> None:
    if line not in family.told:
        family.told.append(line)
    if line.startswith("# TYPE "):
        family.kind = line.rsplit(" ", 1)[1]


def _joined(family: _Family, one: str, other: str) -> str:
    join: Callable[[Sequence[float]], float] = sum
    if family.name.endswith(_CREATED):
        join = min
    elif family.kind == "gauge" and family.name.endswith(_ONCE):
        join = max
    if one.isdecimal() and other.isdecimal():
        return str(join((int(one), int(other))))
    return str(floatToGoString(join((float(one), float(other)))))  # type: ignore[no-untyped-call] # it has no types
