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
H2LOAD = """starting benchmark...
Warm-up started for thread #0.
progress: 10% of clients started

finished in 3.00s, 1440.33 req/s, 260.10KB/s
requests: 4321 total, 4329 started, 4321 done, 4321 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 4329 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 790.90KB (809890) total, 329.13KB (337029) headers (space savings 3.70%), 282.72KB (289507) data
"""
CALLS = "".join(f"1764151480000000\t200\t{microseconds}\n" for microseconds in range(1, 4322))


def test_wrks_figures_are_read_in_their_units() -> None:
    assert outputs.wrk(WRK) == outputs.Figures(21345, 7115.12, 0.812, 1030.0, 0)


def test_wrks_wrong_answers_and_broken_connections_are_errors() -> None:
    broken = WRK.replace(
        "Requests/sec:",
        "  Socket errors: connect 0, read 3, write 1, timeout 2\n  Non-2xx or 3xx responses: 12\nRequests/sec:",
    )
    assert outputs.wrk(broken).errors == 18


def test_h2loads_figures_are_read_and_its_calls_counted() -> None:
    assert outputs.h2load(H2LOAD, CALLS, 67) == outputs.Figures(4321, 1440.33, 2.161, 4.278, 0)


def test_a_call_that_no_message_came_of_is_an_error() -> None:
    assert outputs.h2load(H2LOAD.replace("289507", str(289507 - 67 * 21)), CALLS, 67).errors == 21


def test_a_call_that_was_broken_off_is_an_error() -> None:
    assert outputs.h2load(H2LOAD.replace("0 failed, 0 errored", "2 failed, 3 errored"), CALLS, 67).errors == 5


def test_an_answer_without_a_message_is_no_measure_of_others() -> None:
    with pytest.raises(outputs.UnreadableOutputError, match="no answer's bytes"):
        outputs.h2load_bytes(H2LOAD.replace("282.72KB (289507)", "0B (0)"))


@pytest.mark.parametrize("read", [outputs.wrk, lambda text: outputs.h2load(text, "", 67)])
def test_what_holds_no_figures_is_refused_with_what_was_printed(read) -> None:
    with pytest.raises(outputs.UnreadableOutputError, match="connection refused"):
        read("unable to connect: connection refused")
