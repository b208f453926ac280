"""What a replica gives and when to add one, by simulation; the tables of docs/how-to/scale.md.

    .venv/bin/python bench/scale.py [BATCH_MS ROW_MS]

The two figures are a model's own, out of a run of `make bench`: with a and b the server's CPU ms a request at 1 and at 64
connections, a batch costs a - b and a row b.
"""

import sys

from comparison.report import table
from comparison.scaling import Autoscaler, Work, grows, settles, under_load

SMALL = Work(batch_ms=0.20, row_ms=0.03, most_rows=64)
LARGE = Work(batch_ms=0.0, row_ms=15.0, most_rows=1, slots=2)
_MOST_IN_FLIGHT = 1024  # --max_requests_in_flight
_LOADS = (0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def main() -> None:
    works = {"small, requests run together": SMALL, "large, two cores, one request a core": LARGE}
    if len(sys.argv) == 3:
        works = {"yours": Work(float(sys.argv[1]), float(sys.argv[2]), 64)}
    for name, work in works.items():
        print(f"\n{name}: {work.batch_ms} ms a batch, {work.row_ms} ms a row, at most {work.capacity:.0f} requests/s\n")
        print(table(["load", "CPU", "in flight", "p50 ms", "p99 ms"], [_row(work, load) for load in _LOADS]))
    print("\nreplicas at which an autoscaler comes to rest\n")
    head = ["load, in replicas' capacities", *(f"{name}: {metric} {target}" for name, _, metric, target in _RESTS)]
    print(table(head, [_rests(load) for load in (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)]))
    print("\nlarge: a load that grows at once from half a replica's capacity to four\n")
    head = [
        "metric",
        "target",
        "pod ready after",
        "enough replicas after",
        "longest wait",
        "refused",
        "replicas at most",
    ]
    print(table(head, [_grown(metric, target, start) for start in (3, 30) for metric, target in _GROWING]))


_RESTS = (
    ("small", SMALL, "cpu", 0.7),
    ("small", SMALL, "in_flight", 16.0),
    ("large", LARGE, "cpu", 0.7),
    ("large", LARGE, "in_flight", 2.0),
)
_GROWING = (("cpu", 0.7), ("in_flight", 2.0), ("in_flight", 8.0))


def _rests(load: float) -> list[str]:
    return [f"{load:g}", *(str(settles(Autoscaler(metric, target), work, load)) for _, work, metric, target in _RESTS)]


def _row(work: Work, load: float) -> list[str]:
    seen = under_load(work, load)
    return [
        f"{load:.0%}",
        f"{seen.busy:.0%}",
        f"{seen.in_flight:.1f}",
        f"{seen.p50_ms:.2f}",
        f"{seen.p99_ms:.2f}",
    ]


def _grown(metric: str, target: float, start_s: int) -> list[str]:
    found = grows(Autoscaler(metric, target, start_s), LARGE, before=0.5, after=4.0, most_in_flight=_MOST_IN_FLIGHT)
    enough = "never" if found.enough_after_s is None else f"{found.enough_after_s} s"
    longest = f"{found.longest_wait_s:.1f} s"
    return [metric, f"{target:g}", f"{start_s} s", enough, longest, f"{found.refused:.0%}", str(found.replicas)]


if __name__ == "__main__":
    main()
