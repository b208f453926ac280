"""Reads what the clients print."""

import re
from dataclasses import dataclass

_TO_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}
_WRK_PERCENTILE = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m)\s*$", re.MULTILINE)
_WRK_REQUESTS = re.compile(r"^\s+(\d+) requests in ", re.MULTILINE)
_WRK_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)", re.MULTILINE)
_WRK_STATUS = re.compile(r"^\s+Non-2xx or 3xx responses: (\d+)", re.MULTILINE)
_WRK_SOCKET = re.compile(r"^\s+Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", re.MULTILINE)
_H2LOAD_RATE = re.compile(r"^finished in [\d.]+\w+, ([\d.]+) req/s", re.MULTILINE)
_H2LOAD_FAILED = re.compile(r"^requests: .* (\d+) failed, (\d+) errored, (\d+) timeout", re.MULTILINE)
_H2LOAD_BYTES = re.compile(r"^traffic: .* \S+ \((\d+)\) data", re.MULTILINE)


class UnreadableOutputError(Exception):
    """A client printed something else than its figures."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a client saw. `requests` counts all answers, right and wrong; `errors` the wrong ones and broken connections."""

    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


def wrk(text: str) -> Figures:
    """Figures of `wrk --latency`.

    Raises:
        UnreadableOutputError: they are not in the text.
    """
    percentiles = {int(part): float(value) * _TO_MS[unit] for part, value, unit in _WRK_PERCENTILE.findall(text)}
    requests, rate = _WRK_REQUESTS.search(text), _WRK_RATE.search(text)
    if requests is None or rate is None or set(percentiles) != {50, 99}:
        raise UnreadableOutputError(f"wrk printed no figures: {text[-500:]}")
    status, socket = _WRK_STATUS.search(text), _WRK_SOCKET.search(text)
    errors = (int(status[1]) if status else 0) + (sum(map(int, socket.groups())) if socket else 0)
    return Figures(int(requests[1]), float(rate[1]), percentiles[50], percentiles[99], errors)


def h2load(text: str, log: str, answer_bytes: int) -> Figures:
    """Figures of `h2load --log-file`: of what it printed, and of its log (a line a call: when it began, status, microseconds).

    `answer_bytes` are those of a right answer, which says nothing of the status in its trailers: what there is more or less than so many a
    call counts as calls that went wrong.

    Raises:
        UnreadableOutputError: they are not there, as when no call was answered.
    """
    rate, failed = _H2LOAD_RATE.search(text), _H2LOAD_FAILED.search(text)
    times = sorted(int(line.split("\t")[2]) for line in log.splitlines())
    if rate is None or failed is None or not times:
        raise UnreadableOutputError(f"h2load printed no figures: {text[-500:]}")
    wrong = abs(len(times) - round(h2load_bytes(text) / answer_bytes))
    p50, p99 = (times[min(int(len(times) * part), len(times) - 1)] / 1e3 for part in (0.5, 0.99))
    return Figures(len(times), float(rate[1]), p50, p99, max(wrong, sum(map(int, failed.groups()))))


def h2load_bytes(text: str) -> int:
    """Bytes of the answers' bodies.

    Raises:
        UnreadableOutputError: there were none.
    """
    data = _H2LOAD_BYTES.search(text)
    if data is None or data[1] == "0":
        raise UnreadableOutputError(f"h2load printed no answer's bytes: {text[-500:]}")
    return int(data[1])
