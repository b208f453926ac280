"""Reads what the clients print."""

import re
from dataclasses import dataclass

_TO_MS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}
_WRK_PERCENTILE = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m)\s*$", re.MULTILINE)
_WRK_REQUESTS = re.compile(r"^\s+(\d+) requests in ", re.MULTILINE)
_WRK_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)", re.MULTILINE)
_WRK_STATUS = re.compile(r"^\s+Non-2xx or 3xx responses: (\d+)", re.MULTILINE)
_WRK_SOCKET = re.compile(r"^\s+Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", re.MULTILINE)
_GHZ_COUNT = re.compile(r"^\s+Count:\s+(\d+)", re.MULTILINE)
_GHZ_RATE = re.compile(r"^\s+Requests/sec:\s+([\d.]+)", re.MULTILINE)
_GHZ_PERCENTILE = re.compile(r"^\s+(50|99) % in ([\d.]+) (ns|us|µs|ms|s)\s*$", re.MULTILINE)
_GHZ_STATUS = re.compile(r"^\s+\[(\w+)\]\s+(\d+) responses", re.MULTILINE)


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


def ghz(text: str) -> Figures:
    """Figures of ghz's summary.

    Raises:
        UnreadableOutputError: they are not in the text, as when no call was answered.
    """
    percentiles = {int(part): float(value) * _TO_MS[unit] for part, value, unit in _GHZ_PERCENTILE.findall(text)}
    count, rate = _GHZ_COUNT.search(text), _GHZ_RATE.search(text)
    if count is None or rate is None or set(percentiles) != {50, 99}:
        raise UnreadableOutputError(f"ghz printed no figures: {text[-500:]}")
    right = sum(int(many) for status, many in _GHZ_STATUS.findall(text) if status == "OK")
    return Figures(int(count[1]), float(rate[1]), percentiles[50], percentiles[99], int(count[1]) - right)
