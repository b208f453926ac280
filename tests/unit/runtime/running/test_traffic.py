"""Whether the event loop polls for the next request is told by how soon the latest ones came."""

import asyncio

import pytest

from tfmodel_runtime.running import traffic as module
from tfmodel_runtime.running.traffic import Traffic

SOON, LATE = 0.0001, 0.01


class Time:
    """A clock that stands still until it is told otherwise, and goes on by `turn` whenever the loop polls."""

    def __init__(self) -> None:
        self.now = 100.0
        self.turn = 0.00001
        self.polls = 0

    def perf_counter(self) -> float:
        return self.now

    def sched_yield(self) -> None:
        self.polls += 1
        self.now += self.turn


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(module, "time", made)
    monkeypatch.setattr(module, "os", made)
    return made


def ask(traffic: Traffic, time: Time, after: float, *, times: int = 1, clients: int = 1) -> None:
    """So many clients ask at once, so long after their latest answers, and are answered; and again."""
    for _ in range(times):
        time.now += after
        for _ in range(clients):
            traffic.entered()
        traffic.left(clients)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_loop_polls_where_clients_ask_again_at_once_and_stops_after_a_moment(time: Time) -> None:
    traffic = Traffic(polls=True)
    ask(traffic, time, SOON, times=20)
    await turns(100)
    assert time.polls == pytest.approx(module._POLL_SECONDS / time.turn, abs=1)


async def test_it_stops_as_soon_as_a_request_is_there(time: Time) -> None:
    traffic = Traffic(polls=True)
    ask(traffic, time, SOON, times=20)
    await turns(5)
    traffic.entered()
    polls = time.polls
    await turns(5)
    assert 0 < time.polls == polls


async def test_each_answer_is_polled_after_but_by_one_at_a_time(time: Time) -> None:
    traffic = Traffic(polls=True)
    ask(traffic, time, SOON, times=20)
    time.turn = 0
    await turns(10)
    first = time.polls
    ask(traffic, time, SOON, times=3)
    await turns(10)
    assert time.polls == pytest.approx(2 * first, abs=1)


@pytest.mark.parametrize("seldom", [1, 3])
async def test_traffic_that_mostly_comes_later_is_never_polled_for(time: Time, seldom: int) -> None:
    traffic = Traffic(polls=True)
    for _ in range(10):
        ask(traffic, time, LATE, times=seldom)
        ask(traffic, time, SOON)
    await turns(10)
    assert time.polls == 0


async def test_it_ends_when_clients_begin_to_pause(time: Time) -> None:
    traffic = Traffic(polls=True)
    ask(traffic, time, SOON, times=50)
    ask(traffic, time, LATE, times=8)
    await turns(10)
    time.polls = 0
    ask(traffic, time, LATE)
    await turns(10)
    assert time.polls == 0


async def test_many_clients_need_no_polling(time: Time) -> None:
    traffic = Traffic(polls=True)
    ask(traffic, time, SOON, times=20, clients=module._MOST_CLIENTS + 1)
    await turns(10)
    assert time.polls == 0
    ask(traffic, time, SOON, clients=module._MOST_CLIENTS)
    await turns(10)
    assert time.polls > 0


async def test_without_a_core_to_spare_there_is_none(time: Time) -> None:
    traffic = Traffic(polls=False)
    ask(traffic, time, SOON, times=20)
    await turns(10)
    assert time.polls == 0


async def test_nobody_is_polled_for_while_a_request_is_being_answered(time: Time) -> None:
    traffic = Traffic(polls=True)
    ask(traffic, time, SOON, times=20)
    await turns(100)
    time.polls = 0
    traffic.entered()
    traffic.entered()
    traffic.left()
    await turns(10)
    assert (time.polls, traffic.count) == (0, 1)
