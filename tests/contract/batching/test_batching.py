"""Batched answers are those of unbatched requests: section 11 of the contract."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testkit.served import Served, serving

PATH = "/v1/models/m:predict"


@pytest.fixture
def parameters(tmp_path: Path) -> Path:
    found = tmp_path / "batching.config"
    found.write_text(
        "max_batch_size { value: 8 } batch_timeout_micros { value: 20000 } max_enqueued_batches { value: 1000 } "
        "num_batch_threads { value: 2 } allowed_batch_sizes: 2 allowed_batch_sizes: 8"
    )
    return found


@pytest.fixture
def batched(saved_models: Path, tmp_path: Path, parameters: Path) -> Iterator[Served]:
    flags = ("--enable_batching", f"--batching_parameters_file={parameters}")
    with serving(saved_models / "half_plus_two", tmp_path / "log", *flags) as found:
        yield found


def test_requests_at_once_share_runs_and_get_their_own_answers(batched: Served) -> None:
    def ask(number: int) -> bool:
        rows = [float(number)] * (number % 3 + 1)
        wanted = [value / 2 + 2 for value in rows]
        return batched.ask(PATH, {"instances": rows}) == (200, {"predictions": wanted})

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(200)))
    metrics = batched.text("/metrics")
    assert 'tfmodel_runtime_batch_rows_bucket{le="1.0",model="m",signature="serving_default"} 0.0' in metrics
    runs = next(line for line in metrics.splitlines() if line.startswith("tfmodel_runtime_batch_rows_count"))
    assert float(runs.split()[-1]) < 200


def test_a_request_that_is_too_large_is_refused(batched: Served) -> None:
    status, answer = batched.ask(PATH, {"instances": [1.0] * 9})
    assert (status, answer["error"]) == (400, "Task size 9 is larger than maximum input batch size 8")


def test_a_request_without_rows_is_refused(batched: Served) -> None:
    status, answer = batched.ask(PATH, {"signature_name": "scalar", "inputs": 1})
    assert (status, "at least one dimension" in answer["error"]) == (400, True)


def test_the_file_without_the_flag_ends_the_start(saved_models: Path, tmp_path: Path, parameters: Path) -> None:
    with (
        pytest.raises(AssertionError, match="needs --enable_batching"),
        serving(saved_models / "half_plus_two", tmp_path / "log", f"--batching_parameters_file={parameters}"),
    ):
        pass


def test_a_version_with_parameters_of_its_own(saved_models: Path, tmp_path: Path, parameters: Path) -> None:
    base = tmp_path / "m"
    shutil.copytree(saved_models / "half_plus_two" / "1", base / "1")
    flags = ("--enable_batching", "--enable_per_model_batching_parameters")
    large = {"instances": [1.0] * 9}
    with serving(base, tmp_path / "log", *flags) as served:
        assert served.ask(PATH, large)[0] == 200
    shutil.copy(parameters, base / "1" / "batching_params.pbtxt")
    with serving(base, tmp_path / "log", *flags) as served:
        assert served.ask(PATH, large)[0] == 400
    (base / "1" / "batching_params.pbtxt").write_text("nonsense")
    with serving(base, tmp_path / "log", *flags, "--max_num_load_retries=0", wait=False) as served:
        while "cannot load version 1" not in served.log():
            assert served.process.poll() is None
        assert "batching_params.pbtxt: Error parsing text-format" in served.log()


def test_large_requests_are_split_where_that_is_asked_for(saved_models: Path, tmp_path: Path) -> None:
    file = tmp_path / "batching.config"
    file.write_text("enable_large_batch_splitting { value: true } max_execution_batch_size { value: 4 }")
    flags = ("--enable_batching", f"--batching_parameters_file={file}")
    with serving(saved_models / "half_plus_two", tmp_path / "log", *flags) as served:
        rows = [float(number) for number in range(11)]
        assert served.ask(PATH, {"instances": rows}) == (200, {"predictions": [row / 2 + 2 for row in rows]})


def test_a_signature_with_a_scalar_output_answers_as_without_batching(saved_models: Path, tmp_path: Path) -> None:
    body = {"signature_name": "count", "inputs": [5]}
    with serving(saved_models / "types", tmp_path / "log", "--enable_batching") as served:
        status, answer = served.ask(PATH, body)
    assert status == 200
    assert isinstance(answer["outputs"], int)
