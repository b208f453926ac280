"""Who leads, by clocks that the test moves."""

import asyncio

import pytest

from testkit.kube import FakeKube
from tfmodel_operator.kube import UnreachableError
from tfmodel_operator.lease import LIFE_SECONDS, RENEWAL_LIMIT_SECONDS, Lease


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube()


def contender(kube: FakeKube, name: str, clock: Clock) -> Lease:
    return Lease(kube, name="tfmodel", namespace="system", identity=name, clock=clock)  # type: ignore[arg-type]


async def turn(lease: Lease, clock: Clock) -> bool:
    """One try, as `run` makes it."""
    begun = clock()
    if await lease._try():
        lease._renewed_at = begun
    return lease.held()


async def test_the_first_takes_it_and_the_second_does_not(kube: FakeKube) -> None:
    clock = Clock(0)
    one, two = contender(kube, "one", clock), contender(kube, "two", clock)
    assert await turn(one, clock)
    assert not await turn(two, clock)
    assert kube.objects["Lease", "tfmodel"]["spec"]["holderIdentity"] == "one"


async def test_a_leader_that_renews_keeps_it(kube: FakeKube) -> None:
    clock = Clock(0)
    one, two = contender(kube, "one", clock), contender(kube, "two", clock)
    for _ in range(20):
        assert await turn(one, clock)
        assert not await turn(two, clock)
        clock.now += 2


async def test_a_dead_leader_is_replaced_after_its_life_and_had_stopped_before(kube: FakeKube) -> None:
    ours, theirs = Clock(0), Clock(50_000)
    dead, standby = contender(kube, "dead", ours), contender(kube, "standby", theirs)
    assert await turn(dead, ours)
    assert not await turn(standby, theirs)
    for _ in range(LIFE_SECONDS // 2):
        ours.now += 2
        theirs.now += 2
        assert not await turn(standby, theirs)
        assert dead.held() is (ours.now < RENEWAL_LIMIT_SECONDS)
    ours.now += 2
    theirs.now += 2
    assert await turn(standby, theirs)
    assert not dead.held()
    assert kube.objects["Lease", "tfmodel"]["spec"]["leaseTransitions"] == 1


async def test_a_released_lease_is_taken_at_once(kube: FakeKube) -> None:
    clock = Clock(0)
    one, two = contender(kube, "one", clock), contender(kube, "two", clock)
    assert await turn(one, clock)
    await one.release()
    assert not one.held()
    assert await turn(two, clock)


async def test_a_leader_that_cannot_renew_stops_before_anyone_may_start(kube: FakeKube) -> None:
    clock = Clock(0)
    one = contender(kube, "one", clock)
    assert await turn(one, clock)
    kube.refusals["Lease"] = UnreachableError(0, "Unreachable", "no answer")
    clock.now += RENEWAL_LIMIT_SECONDS
    with pytest.raises(UnreachableError):
        await turn(one, clock)
    assert not one.held()
    assert RENEWAL_LIMIT_SECONDS < LIFE_SECONDS


async def test_of_two_that_see_it_free_one_wins(kube: FakeKube) -> None:
    clock = Clock(0)
    one, two = contender(kube, "one", clock), contender(kube, "two", clock)
    assert await turn(one, clock)
    await one.release()
    seen = dict(kube.objects["Lease", "tfmodel"])
    assert await turn(two, clock)

    async def stale(_key: object) -> dict[str, object]:
        return seen

    kube.get = stale  # type: ignore[method-assign,assignment]
    assert not await turn(one, clock)


async def test_a_standby_looks_again_when_the_life_ends_and_not_after(kube: FakeKube) -> None:
    clock = Clock(0)
    one, two = contender(kube, "one", clock), contender(kube, "two", clock)
    await one._turn()
    await two._turn()
    assert (one._wait(), two._wait()) == (2.0, 2.0)
    clock.now = LIFE_SECONDS - 0.5
    assert two._wait() == pytest.approx(0.5)
    clock.now = LIFE_SECONDS
    await two._turn()
    assert two.held()
    assert two._wait() == 2.0


async def test_an_api_server_that_hangs_costs_no_more_than_one_try(
    kube: FakeKube, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("tfmodel_operator.lease._LONGEST_TRY_SECONDS", 0.01)
    clock = Clock(0)
    one = contender(kube, "one", clock)
    await one._turn()
    kube.get = hang  # type: ignore[method-assign,assignment]
    await one._turn()
    assert one.held()
    clock.now = RENEWAL_LIMIT_SECONDS
    await one._turn()
    assert not one.held()


async def test_a_leader_that_lost_the_lead_stops_taking_part(kube: FakeKube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfmodel_operator.lease.RETRY_SECONDS", 0.0)
    clock = Clock(0)
    one = contender(kube, "one", clock)
    running = asyncio.create_task(one.run())
    await asyncio.wait_for(one.acquired.wait(), 5)
    kube.refusals["Lease"] = UnreachableError(0, "Unreachable", "no answer")
    clock.now = RENEWAL_LIMIT_SECONDS
    await asyncio.wait_for(running, 5)
    assert not one.held()
