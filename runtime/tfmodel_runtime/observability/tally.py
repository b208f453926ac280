"""Requests that were answered, counted as cheaply as can be: an addition or two a request, the rest when somebody asks.

prometheus-client looks up labels and takes locks for every count, which is a tenth of a small prediction. All counting takes place
in the event loop, and so does the exposition: nothing here is for other threads. What is exposed is what a Counter and a Histogram
of prometheus-client would expose.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]


class Tally:
    """Counts of one set of labels: by code, and the times of those that succeeded by bucket."""

    __slots__ = ("_bounds", "buckets", "codes", "created", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.created = time.time()
        self.codes: dict[str, tuple[int, float]] = {}
        """By code how many, and since when."""
        self.buckets = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, code: str, seconds: float) -> None:
        """One more."""
        found = self.codes.get(code)
        self.codes[code] = (1, time.time()) if found is None else (found[0] + 1, found[1])
        if code == "OK":
            self.buckets[bisect_left(self._bounds, seconds)] += 1
            self.total += seconds

    def add_all(self, times: Sequence[float]) -> None:
        """Requests that succeeded, the longest first."""
        found = self.codes.get("OK")
        self.codes["OK"] = (len(times), time.time()) if found is None else (found[0] + len(times), found[1])
        longest, shortest = bisect_left(self._bounds, times[0]), bisect_left(self._bounds, times[-1])
        if longest == shortest:
            self.buckets[longest] += len(times)
        else:
            for seconds in times:
                self.buckets[bisect_left(self._bounds, seconds)] += 1
        self.total += sum(times)


class Requests(Collector):
    """All requests, as a counter with a label `code` and a histogram of seconds."""

    def __init__(self, names: tuple[str, str], helps: tuple[str, str], labels: Labels, bounds: Sequence[float]) -> None:
        self._names = names
        self._helps = helps
        self._labels = labels
        self._bounds = tuple(bounds)
        self._limits = [*map(floatToGoString, self._bounds), "+Inf"]
        self._tallies: dict[Labels, Tally] = {}

    def of(self, labels: Labels) -> Tally:
        """The tally of a set of labels."""
        found = self._tallies.get(labels)
        if found is None:
            found = self._tallies[labels] = Tally(self._bounds)
        return found

    def forget(self, is_gone: Callable[[Labels], bool]) -> None:
        """Has tallies exposed no more."""
        for labels in list(filter(is_gone, self._tallies)):
            del self._tallies[labels]

    def collect(self) -> Iterator[Metric]:
        """What prometheus-client prints."""
        counter = CounterMetricFamily(self._names[0], self._helps[0], labels=(*self._labels, "code"))
        for labels, tally in self._tallies.items():
            for code, (count, created) in tally.codes.items():
                counter.add_metric((*labels, code), count, created=created)
        yield counter
        histogram = HistogramMetricFamily(self._names[1], self._helps[1], labels=self._labels)
        for labels, tally in self._tallies.items():
            if any(tally.buckets):
                histogram.add_metric(labels, list(self._cumulative(tally)), tally.total)
                histogram.add_sample(
                    f"{self._names[1]}_created", dict(zip(self._labels, labels, strict=True)), tally.created
                )
        yield histogram

    def describe(self) -> Iterable[Metric]:
        """Their names, so that nobody else takes them."""
        yield CounterMetricFamily(self._names[0], self._helps[0], labels=(*self._labels, "code"))
        yield HistogramMetricFamily(self._names[1], self._helps[1], labels=self._labels)

    def _cumulative(self, tally: Tally) -> Iterator[tuple[str, float]]:
        total = 0
        for limit, count in zip(self._limits, tally.buckets, strict=True):
            total += count
            yield limit, float(total)
