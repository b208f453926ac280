"""Several processes on the same ports: to whoever asks, they are one server."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from testkit.load import Load, grpc_predict, rest
from testkit.served import Served, serving
from tfmodel.wire import messages

TWO = "--processes=2"
PREDICT = "/v1/models/m:predict"
BODY = {"instances": [2.0]}
REQUESTS = re.compile(r'^tfmodel_runtime_requests_total\{code="OK",.*protocol="(rest|grpc)".*\} (\S+)$', re.MULTILINE)


def processes(served: Served) -> list[int]:
    """Those that serve: the children of the one that was started."""
    pid = served.process.pid
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def connections(pid: int) -> int:
    """Sockets that a process holds."""
    found = 0
    for one in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found += str(one.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


def wait_until(holds: Callable[[], Any], what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.02)


def answered(served: Served) -> dict[str, float]:
    """Requests that were answered, by protocol."""
    return {protocol: float(count) for protocol, count in REQUESTS.findall(served.text("/metrics"))}


@contextmanager
def many(port: int, count: int) -> Iterator[list[http.client.HTTPConnection]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)))
            for _ in range(count)
        ]


def asked(connection: http.client.HTTPConnection) -> int:
    connection.request("POST", PREDICT, b'{"instances": [2.0]}')
    with connection.getresponse() as answer:
        answer.read()
        return answer.status


@pytest.fixture(scope="module")
def pair(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """half_plus_two by two processes, which nothing ends."""
    log = tmp_path_factory.mktemp("pair") / "log"
    with serving(saved_models / "half_plus_two", log, TWO) as served:
        yield served


def test_each_process_takes_connections_on_both_ports(pair: Served) -> None:
    before = {pid: connections(pid) for pid in processes(pair)}
    assert len(before) == 2
    with many(pair.rest_port, 40) as held:
        assert {asked(connection) for connection in held} == {200}
        over_rest = {pid: connections(pid) - count for pid, count in before.items()}
    wait_until(lambda: all(connections(pid) == count for pid, count in before.items()), "the end of connections")
    with ExitStack() as stack:
        for _ in range(40):
            ask = stack.enter_context(grpc_predict(pair.grpc_port, "m", 2.0, keeps=True)())
            assert ask() == 3.0
        over_grpc = {pid: connections(pid) - count for pid, count in before.items()}
    for found in (over_rest, over_grpc):
        assert sum(found.values()) == 40
        assert min(found.values()) > 0, found


def test_metrics_count_the_requests_of_all(pair: Served) -> None:
    before = answered(pair)
    with many(pair.rest_port, 50) as held:
        for _ in range(4):
            assert {asked(connection) for connection in held} == {200}
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(grpc_predict(pair.grpc_port, "m", 2.0, keeps=True)())()
    for _ in range(10):  # whichever process is asked
        now = answered(pair)
        assert now["rest"] - before.get("rest", 0) == 200
        assert now["grpc"] - before.get("grpc", 0) == 20
    text = pair.text("/metrics")
    assert 'tfmodel_runtime_version_state{model="m",state="Available",version="1"} 1.0' in text
    assert text.count("tfmodel_runtime_build_info{") == 1
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr


def test_a_reload_request_is_refused_and_says_what_to_do(pair: Served) -> None:
    request = messages.ReloadConfigRequest()
    request.config.model_config_list.config.add(name="other", base_path="/nowhere")
    with grpc.insecure_channel(f"127.0.0.1:{pair.grpc_port}") as channel:
        call = channel.unary_unary("/tensorflow.serving.ModelService/HandleReloadConfigRequest")
        with pytest.raises(grpc.RpcError) as refused:
            call(request.SerializeToString(), timeout=10)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "--model_config_file_poll_wait_seconds" in refused.value.details()
    assert pair.ask(PREDICT, BODY)[0] == 200


def test_a_new_version_goes_live_in_all_without_a_failed_request(
    saved_models: Path, versions: Path, tmp_path: Path
) -> None:
    with serving(versions, tmp_path / "log", TWO) as served, Load(everyone(served)) as load:
        wait_until(lambda: load.count > 200, "load")
        staging = tmp_path / "staging"
        shutil.copytree(saved_models / "half_plus_three" / "2", staging)
        staging.rename(versions / "2")
        seen: list[dict[str, str]] = []
        while not seen or seen[-1] != {"2": "AVAILABLE", "1": "END"}:
            told = served.ask("/v1/models/m")[1]["model_version_status"]
            states = {one["version"]: one["state"] for one in told}
            if not seen or states != seen[-1]:
                seen.append(states)
            if states.get("2") == "AVAILABLE":
                answers = {served.ask("/v1/models/m/versions/2:predict", BODY)[0] for _ in range(10)}
                assert answers == {200}, "a process did not have what was told to be available"
            assert "AVAILABLE" in states.values(), seen
        wait_until(lambda: load.answers[4.0] > 200 or load.failures, "answers of the new version")
    assert load.failures == []
    assert set(load.answers) == {3.0, 4.0}


def test_a_process_that_is_killed_comes_back_and_the_other_answers_meanwhile(versions: Path, tmp_path: Path) -> None:
    with serving(versions, tmp_path / "log", TWO) as served:
        victim, other = processes(served)
        with many(served.rest_port, 40) as held:
            assert {asked(connection) for connection in held} == {200}
            counted = answered(served)["rest"]
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: "ended by SIGKILL" in served.log(), "the supervisor's word")
            statuses = [served.ask(PREDICT, BODY)[0] for _ in range(200)]
        assert set(statuses) == {200}
        wait_until(lambda: len(processes(served)) == 2 and victim not in processes(served), "a successor")
        assert other in processes(served)
        (successor,) = set(processes(served)) - {other}
        wait_until(lambda: takes_connections(served, successor), "a successor that answers")
        text = served.text("/metrics")
        assert "tfmodel_runtime_process_restarts_total 1.0" in text
        assert answered(served)["rest"] >= counted + 200
        assert served.ask("/readyz")[0] == 200


def takes_connections(served: Served, pid: int) -> bool:
    before = connections(pid)
    with many(served.rest_port, 20) as held:
        assert {asked(connection) for connection in held} == {200}
        return connections(pid) > before + 1


def test_readiness_falls_first_at_sigterm_and_no_request_is_lost(versions: Path, tmp_path: Path) -> None:
    with serving(versions, tmp_path / "log", TWO, "--drain_delay=3s") as served, Load(everyone(served)) as load:
        wait_until(lambda: load.count > 200, "load")
        served.process.send_signal(signal.SIGTERM)
        wait_until(lambda: served.ask("/readyz")[0] == 503, "the end of readiness", seconds=2)
        count = load.count
        wait_until(lambda: load.count > count + 200 or load.failures, "answers while it drains", seconds=2)
        load.stop()
        assert served.process.wait(30) == 0
    assert load.failures == []
    assert set(load.answers) == {3.0}


def test_it_is_not_ready_before_each_process_is(saved_models: Path, tmp_path: Path) -> None:
    base = tmp_path / "not-there-yet"
    with serving(base, tmp_path / "log", TWO, wait=False) as served:
        for _ in range(20):
            assert served.ask("/healthz")[0] == 200
            assert served.ask("/readyz")[0] == 503
        shutil.copytree(saved_models / "half_plus_two", base)
        served.wait_ready()
        assert {served.ask(PREDICT, BODY)[0] for _ in range(40)} == {200}


def test_what_keeps_each_from_starting_ends_all_with_a_sentence(versions: Path, tmp_path: Path) -> None:
    done = started(versions, f"--auth_token_file={tmp_path}/missing")
    assert done.returncode == 1
    assert "cannot serve: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_ends_all_with_a_sentence(pair: Served, versions: Path) -> None:
    """Another server's port is not shared by mistake."""
    done = started(versions, f"--rest_api_port={pair.rest_port}")
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_others_end_when_the_supervisor_is_killed(versions: Path, tmp_path: Path) -> None:
    with serving(versions, tmp_path / "log", TWO) as served:
        left = processes(served)
        served.process.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left), "the end of the others")


def started(base: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tfmodel_runtime.main", f"--model_base_path={base}", TWO]
    ports = ["--bind_address=127.0.0.1", "--port=0", "--rest_api_port=0"]
    return subprocess.run([*command, *ports, *flags], capture_output=True, text=True, timeout=60, check=False)


def everyone(served: Served) -> list[Any]:
    return [
        *(rest(served.rest_port, PREDICT, 2.0, keeps=keeps) for keeps in (True, True, False)),
        *(grpc_predict(served.grpc_port, "m", 2.0, keeps=keeps) for keeps in (True, True, False)),
    ]
