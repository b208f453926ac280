"""The version policy and the availability-preserving order of loads and unloads."""

from itertools import product

import pytest

from tfmodel_runtime.servables import policy
from tfmodel_runtime.servables.policy import Everything, Latest, Load, Snapshot, Specific, Unload
from tfmodel_runtime.servables.states import LEGAL_MOVES, State


@pytest.mark.parametrize(
    ("text", "found", "wanted"),
    [
        ("latest:1", Latest(1), {3}),
        ("latest:2", Latest(2), {2, 3}),
        ("latest:9", Latest(9), {1, 2, 3}),
        ("all", Everything(), {1, 2, 3}),
        ("specific:1,7", Specific(frozenset({1, 7})), {1}),
    ],
)
def test_a_policy_wants(text: str, found: policy.VersionPolicy, wanted: set[int]) -> None:
    assert policy.parse(text) == found
    assert policy.aspired([1, 2, 3], found) == wanted


@pytest.mark.parametrize(
    "text", ["", "latest", "latest:0", "latest:x", "latest:1,2", "specific:", "specific:1,", "all:1"]
)
def test_a_text_that_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected latest:N"):
        policy.parse(text)


def test_the_newest_is_loaded_first() -> None:
    assert policy.next_action([Snapshot(1, State.NEW, True), Snapshot(2, State.NEW, True)]) == Load(2)


def test_the_old_version_stays_until_the_new_one_is_up() -> None:
    old = Snapshot(1, State.AVAILABLE, False)
    assert policy.next_action([old, Snapshot(2, State.LOADING, True)]) is None
    assert policy.next_action([old, Snapshot(2, State.FAILED, True)]) is None
    assert policy.next_action([old, Snapshot(2, State.AVAILABLE, True)]) == Unload(1)


def test_what_nobody_wants_goes() -> None:
    assert policy.next_action([Snapshot(1, State.AVAILABLE, False)]) == Unload(1)


ONE = list(product(State, (True, False)))


@pytest.mark.parametrize("first", ONE, ids=str)
def test_no_step_leaves_a_wanted_model_without_an_available_version(first: tuple[State, bool]) -> None:
    for second, third in product(ONE, ONE):
        versions = [Snapshot(number, *one) for number, one in enumerate((first, second, third), start=1)]
        available = {one.version for one in versions if one.state is State.AVAILABLE}
        match policy.next_action(versions):
            case Unload(version):
                assert version in available
                assert not versions[version - 1].is_aspired
                is_wanted = any(one.is_aspired for one in versions)
                assert available - {version} or not is_wanted
            case Load(version):
                assert versions[version - 1] == Snapshot(version, State.NEW, True)
            case None:
                assert not any(one.is_aspired and one.state is State.NEW for one in versions)


def test_states_only_move_forward() -> None:
    order = [State.NEW, State.LOADING, State.AVAILABLE, State.DRAINING, State.UNLOADED]
    for state, targets in LEGAL_MOVES.items():
        if state is State.FAILED:
            assert targets == frozenset()
            continue
        forward = {target for target in targets if target is not State.FAILED}
        assert all(order.index(target) == order.index(state) + 1 for target in forward)


def test_the_old_version_stays_until_the_new_one_is_up_in_each_process() -> None:
    old = Snapshot(1, State.AVAILABLE, False)
    assert policy.next_action([old, Snapshot(2, State.AVAILABLE, True, is_up_elsewhere=False)]) is None
    assert policy.next_action([old, Snapshot(2, State.AVAILABLE, True, is_up_elsewhere=True)]) == Unload(1)
    assert policy.next_action([Snapshot(1, State.AVAILABLE, False, is_up_elsewhere=False)]) == Unload(1)
