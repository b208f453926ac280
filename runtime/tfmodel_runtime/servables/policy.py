"""Which versions should be loaded, and what to do next: pure functions.

`aspired` is the version policy of a model; `next_action` is TensorFlow Serving's availability-preserving policy
(availability_preserving_policy.cc): load what is wanted first, unload what is not once something wanted is available.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tfmodel_runtime.servables.states import State


@dataclass(frozen=True, slots=True)
class Latest:
    """The versions with the highest numbers."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class Everything:
    """Every version."""


@dataclass(frozen=True, slots=True)
class Specific:
    """Only these versions."""

    versions: frozenset[int]


VersionPolicy = Latest | Everything | Specific


@dataclass(frozen=True, slots=True)
class Load:
    """Load this version."""

    version: int


@dataclass(frozen=True, slots=True)
class Unload:
    """Unload this version."""

    version: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A version as it is now: its state, and whether it is wanted."""

    version: int
    state: State
    is_aspired: bool
    is_up_elsewhere: bool = True
    """Whether it is available in all other processes that serve the model on the same ports."""


def parse(text: str) -> VersionPolicy:
    """The policy that latest:N, all, or specific:1,3 means.

    Raises:
        ValueError: it means none.
    """
    kind, _, rest = text.partition(":")
    if kind == "all" and not rest:
        return Everything()
    numbers = [int(part) for part in rest.split(",") if part.isdecimal()]
    if kind == "latest" and len(numbers) == 1 and numbers[0] > 0:
        return Latest(numbers[0])
    if kind == "specific" and numbers and len(numbers) == rest.count(",") + 1:
        return Specific(frozenset(numbers))
    raise ValueError(f"expected latest:N, all, or specific:N,N, got {text!r}")


def aspired(existing: Iterable[int], policy: VersionPolicy) -> frozenset[int]:
    """The versions among those that exist that the policy wants."""
    numbers = frozenset(existing)
    match policy:
        case Latest(count):
            return frozenset(sorted(numbers)[-count:])
        case Everything():
            return numbers
        case Specific(versions):
            return numbers & versions


def next_action(snapshots: Collection[Snapshot]) -> Load | Unload | None:
    """What to do next; None if there is nothing to do until a state changes."""
    wanted = [one for one in snapshots if one.is_aspired]
    new = [one.version for one in wanted if one.state is State.NEW]
    if new:
        return Load(max(new))
    unwanted = sorted(one.version for one in snapshots if not one.is_aspired and one.state is State.AVAILABLE)
    wanted_is_up = any(one.state is State.AVAILABLE and one.is_up_elsewhere for one in wanted)
    if unwanted and (wanted_is_up or not wanted or len(unwanted) > 1):
        return Unload(unwanted[0])
    return None
