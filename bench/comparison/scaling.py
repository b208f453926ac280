"""What replicas give, simulated: one replica under load, and an autoscaler that follows a load that grows.

Two parts, both pure. A replica is a queue whose server takes what waits, up to a batch, and needs a fixed time a batch and a time a
row; requests come at random (Poisson). The autoscaler is Kubernetes' own rule over replicas that are taken as fluid: what is
not answered waits.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """What a request costs one server thread: `batch_ms` once for those that run together, `row_ms` for each, at most `most_rows`."""

    batch_ms: float
    row_ms: float
    most_rows: int
    slots: int = 1
    """Batches at the same time, each on a core of its own."""

    @property
    def capacity(self) -> float:
        """Requests a second that a replica can answer at most."""
        return self.slots * self.most_rows / (self.batch_ms + self.row_ms * self.most_rows) * 1e3


@dataclass(frozen=True, slots=True)
class Seen:
    """A replica under a load: `busy` is the part of its cores' time that is used, what a CPU metric shows."""

    load: float
    """Of its capacity."""
    busy: float
    in_flight: float
    p50_ms: float
    p99_ms: float


def under_load(work: Work, load: float, *, requests: int = 40_000, seed: int = 1) -> Seen:
    """A replica that gets `load` of its capacity, between 0 and 1, in requests that come at random."""
    rate = load * work.capacity / 1e3
    chance = random.Random(seed)  # noqa: S311 - a simulation, the same each time
    free = [0.0] * work.slots
    waiting: deque[float] = deque()
    taken: list[float] = []
    busy, arrival = 0.0, chance.expovariate(rate)
    while len(taken) < requests:
        slot = min(range(work.slots), key=free.__getitem__)
        if not waiting:
            waiting.append(arrival)
            arrival += chance.expovariate(rate)
        start = max(free[slot], waiting[0])
        while arrival <= start:
            waiting.append(arrival)
            arrival += chance.expovariate(rate)
        rows = min(len(waiting), work.most_rows)
        length = work.batch_ms + work.row_ms * rows
        free[slot] = start + length
        busy += length
        taken += [free[slot] - waiting.popleft() for _ in range(rows)]
    end = max(free)
    ordered = sorted(taken)
    return Seen(
        load,
        busy / (end * work.slots),
        sum(taken) / end,
        ordered[len(ordered) // 2],
        ordered[int(len(ordered) * 0.99)],
    )


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler: Kubernetes' defaults (sync of 15 s, tolerance of a tenth, at most double or four more a step)."""

    metric: str
    """cpu: part of the cores' time. in_flight: requests being answered, which wait for their turn or not."""
    target: float
    """Of the metric, a replica's average."""
    start_s: int = 3
    """From the decision to a pod that answers."""
    metric_age_s: int = 15
    sync_s: int = 15
    tolerance: float = 0.1
    most: int = 100

    def wanted(self, replicas: int, total: float) -> int:
        """Replicas for the metric's sum over all of them. A pod that does not answer yet counts with 0, as Kubernetes has it."""
        ratio = total / replicas / self.target
        if abs(ratio - 1) <= self.tolerance:
            return replicas
        step = max(2 * replicas, replicas + 4)
        return min(max(1, math.ceil(replicas * ratio)), step, self.most)


def settles(scaler: Autoscaler, work: Work, load: float) -> int:
    """Replicas at which it comes to rest, from one on, under a steady load in replicas' capacities."""
    replicas = max(1, math.ceil(load / 0.95))
    while replicas < scaler.most:
        seen = under_load(work, load / replicas, requests=20_000)
        wanted = scaler.wanted(replicas, replicas * (seen.busy if scaler.metric == "cpu" else seen.in_flight))
        if wanted <= replicas:
            break
        replicas = wanted
    return replicas


@dataclass(frozen=True, slots=True)
class Grown:
    """What came of a load that grew at once. Seconds count from then; None: it was never enough."""

    enough_after_s: int | None
    """Until as many replicas answer as the load needs."""
    longest_wait_s: float
    refused: float
    """Part of all requests."""
    replicas: int
    """The most that it asked for."""


def grows(
    scaler: Autoscaler, work: Work, *, before: float, after: float, most_in_flight: int, seconds: int = 300
) -> Grown:
    """A load, in replicas' capacities, that grows at once from `before` to `after`; a replica refuses what it cannot hold."""
    ready = max(1, math.ceil(before / 0.7))
    coming: list[tuple[int, int]] = []
    seen = [_total(scaler.metric, work, before, ready, 0.0)] * scaler.metric_age_s
    waiting = longest = refused = 0.0
    enough = None
    for second in range(seconds):
        ready += sum(count for at, count in coming if at <= second)
        coming = [(at, count) for at, count in coming if at > second]
        waiting = max(0.0, waiting + (after - ready) * work.capacity)
        over = max(0.0, waiting - most_in_flight * ready)
        refused, waiting = refused + over, waiting - over
        longest = max(longest, waiting / ready / work.capacity)
        enough = second if enough is None and ready >= after else enough
        seen.append(_total(scaler.metric, work, after, ready, waiting))
        if second % scaler.sync_s == 0:
            known = ready + sum(count for _, count in coming)
            more = scaler.wanted(known, seen[-1 - scaler.metric_age_s]) - known
            coming += [(second + scaler.start_s, more)] if more > 0 else []
    return Grown(
        enough, longest, refused / (after * work.capacity * seconds), ready + sum(count for _, count in coming)
    )


def _total(metric: str, work: Work, load: float, ready: int, waiting: float) -> float:
    """The metric's sum over all replicas, taken as fluid: as many requests are answered at a time as there are slots for them."""
    busy = min(load / ready, 1.0) * ready
    return busy if metric == "cpu" else busy * work.slots + waiting
