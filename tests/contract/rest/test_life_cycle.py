"""Readiness, hot swaps, drain: what Kubernetes relies on."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from testkit.served import Served, serving


def publish(saved_models: Path, base: Path, version: int) -> None:
    staging = base / ".staging"
    shutil.copytree(saved_models / "half_plus_three" / "2", staging)
    staging.rename(base / str(version))


def ask_until(served: Served, wanted: Any) -> list[tuple[int, Any]]:
    answers: list[tuple[int, Any]] = []
    end = time.monotonic() + 20
    while time.monotonic() < end:
        answers.append(served.ask("/v1/models/m:predict", {"instances": [2]}))
        if answers[-1][1] == wanted:
            return answers
    raise AssertionError(f"{wanted} did not come; the last answer was {answers[-1]}")


def test_a_new_version_goes_live_without_a_failed_request(saved_models: Path, versions: Path, tmp_path: Path) -> None:
    with serving(versions, tmp_path / "log") as served:
        publish(saved_models, versions, 2)
        answers = ask_until(served, {"predictions": [4.0]})
        assert {status for status, _ in answers} == {200}
        assert [answer["predictions"] for _, answer in answers[:1]] in ([[3.0]], [[4.0]])


def test_a_truncated_version_is_never_served(versions: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(versions / "1", broken)
    (broken / "variables" / "variables.data-00000-of-00001").write_bytes(b"x")
    with serving(versions, tmp_path / "log", "--max_num_load_retries=0") as served:
        broken.rename(versions / "2")
        end = time.monotonic() + 20
        while time.monotonic() < end and len(served.ask("/v1/models/m")[1]["model_version_status"]) < 2:
            time.sleep(0.05)
        newest = served.ask("/v1/models/m/versions/2")[1]["model_version_status"][0]
        assert newest["state"] in ("LOADING", "END")
        assert served.ask("/v1/models/m:predict", {"instances": [2]}) == (200, {"predictions": [3.0]})
        assert served.ask("/v1/models/m/versions/2:predict", {"instances": [2]})[0] == 404
        assert served.ask("/readyz")[0] == 200


def test_it_is_alive_but_not_ready_until_a_version_is_there(saved_models: Path, tmp_path: Path) -> None:
    base = tmp_path / "not-there-yet"
    with serving(base, tmp_path / "log", wait=False) as served:
        assert served.ask("/healthz")[0] == 200
        status, answer = served.ask("/readyz")
        assert (status, "no wanted version" in answer["reason"]) == (503, True)
        base.mkdir()
        publish(saved_models, base, 1)
        served.wait_ready()


def test_only_wanted_versions_are_loaded(saved_models: Path, versions: Path, tmp_path: Path) -> None:
    publish(saved_models, versions, 2)
    with serving(versions, tmp_path / "log", "--model_version_policy=specific:1") as served:
        assert served.ask("/v1/models/m:predict", {"instances": [2]}) == (200, {"predictions": [3.0]})
        assert served.ask("/v1/models/m/versions/2")[0] == 404


def test_sigterm_fails_readiness_first_serves_on_and_ends_with_0(versions: Path, tmp_path: Path) -> None:
    with serving(versions, tmp_path / "log", "--drain_delay=2s", is_forked=False) as served:
        served.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 1.5
        while served.ask("/readyz")[0] == 200:
            assert time.monotonic() < end, "readiness did not fail"
        assert served.ask("/v1/models/m:predict", {"instances": [2]}) == (200, {"predictions": [3.0]})
        assert served.process.wait(30) == 0


def test_requests_in_flight_at_sigterm_are_answered(versions: Path, tmp_path: Path) -> None:
    with serving(versions, tmp_path / "log", "--drain_delay=500ms", is_forked=False) as served:
        answers: list[tuple[int, Any]] = []
        failed: list[OSError] = []
        is_over = threading.Event()

        def ask() -> None:
            while not is_over.is_set():
                try:
                    answers.append(served.ask("/v1/models/m:predict", {"instances": [2]}))
                except OSError as error:
                    failed.append(error)
                    return

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        is_over.set()
        for thread in threads:
            thread.join()
        assert served.process.wait(30) == 0
        assert failed == []
        assert {status for status, _ in answers} == {200}


def test_a_managed_store_is_held_against_its_manifest(versions: Path, tmp_path: Path) -> None:
    (versions / "1" / "assets.extra").mkdir()
    files = {"saved_model.pb": {"size": 1, "sha256": ""}}
    record = {"model": "m", "owner": "o", "runId": "1", "runKey": "1-a", "createdAt": "", "tensorflowVersion": ""}
    import json

    (versions / "1" / "assets.extra" / "tfmodel.json").write_text(json.dumps({**record, "files": files}))
    flags = ("--managed_store", "--max_num_load_retries=0")
    with serving(versions, tmp_path / "log", *flags, wait=False) as served:
        end = time.monotonic() + 20
        while time.monotonic() < end and "missing or cut" not in served.log():
            time.sleep(0.05)
        told = served.ask("/v1/models/m")[1]["model_version_status"][0]
        assert told["status"]["error_message"] == "files are missing or cut: saved_model.pb"
        assert served.ask("/readyz")[0] == 503


def test_a_port_that_is_taken_ends_the_process_with_a_sentence(half: Served, versions: Path) -> None:
    command = [sys.executable, "-m", "tfmodel_runtime.main", f"--model_base_path={versions}"]
    ports = ["--bind_address=127.0.0.1", "--port=0", f"--rest_api_port={half.rest_port}"]
    done = subprocess.run([*command, *ports], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
