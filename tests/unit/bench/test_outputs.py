"""What the clients print is read as figures, and what is none is refused."""

import pytest

from comparison import outputs

WRK = """Running 3s test @ http://127.0.0.1:8501/v1/models/m:predict
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.40ms    2.01ms  45.21ms   97.12%
    Req/Sec     7.13k   402.11     7.80k    70.00%
  Latency Distribution
     50%  812.00us
     75%    1.20ms
     90%    2.00ms
     99%    1.03s
  21345 requests in 3.00s, 5.01MB read
Requests/sec:   7115.12
Transfer/sec:      1.67MB
"""
GHZ = """
Summary:
  Count:        4321
  Total:        3.00 s
  Slowest:      30.10 ms
  Fastest:      0.21 ms
  Average:      1.50 ms
  Requests/sec: 1440.31

Response time histogram:
  0.210 [1]    |
  3.199 [4000] |∎∎∎∎

Latency distribution:
  10 % in 700.00 µs
  50 % in 1.25 ms
  99 % in 12.50 ms

Status code distribution:
  [OK]            4300 responses
  [Unavailable]   21 responses
"""


def test_wrks_figures_are_read_in_their_units() -> None:
    assert outputs.wrk(WRK) == outputs.Figures(21345, 7115.12, 0.812, 1030.0, 0)


def test_wrks_wrong_answers_and_broken_connections_are_errors() -> None:
    broken = WRK.replace(
        "Requests/sec:",
        "  Socket errors: connect 0, read 3, write 1, timeout 2\n  Non-2xx or 3xx responses: 12\nRequests/sec:",
    )
    assert outputs.wrk(broken).errors == 18


def test_ghzs_figures_are_read_and_all_but_ok_is_an_error() -> None:
    assert outputs.ghz(GHZ) == outputs.Figures(4321, 1440.31, 1.25, 12.5, 21)


def test_ghzs_microseconds_are_read() -> None:
    assert outputs.ghz(GHZ.replace("50 % in 1.25 ms", "50 % in 312.50 µs")).p50_ms == pytest.approx(0.3125)


@pytest.mark.parametrize("read", [outputs.wrk, outputs.ghz])
def test_what_holds_no_figures_is_refused_with_what_was_printed(read) -> None:
    with pytest.raises(outputs.UnreadableOutputError, match="connection refused"):
        read("unable to connect: connection refused")
