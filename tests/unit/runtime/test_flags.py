"""The runtime's flags."""

import re
from pathlib import Path

import pytest

from tfmodel_runtime import flags
from tfmodel_runtime.servables.policy import Latest, Specific

BASE = "--model_base_path=/models/m"


def test_defaults_are_tensorflow_servings() -> None:
    found = flags.parse([BASE])
    assert (found.model_name, found.port, found.file_system_poll_wait_seconds) == ("default", 8500, 1.0)
    assert (found.max_num_load_retries, found.load_retry_interval_micros) == (5, 60_000_000)
    assert found.model_version_policy == Latest(1)
    assert found.model_base_path == Path("/models/m")


def test_dashes_work_like_underscores() -> None:
    found = flags.parse(["--model-base-path", "/m", "--rest-api-port=9", "--model-version-policy=specific:2"])
    assert found.rest_api_port == 9
    assert found.model_version_policy == Specific(frozenset({2}))


@pytest.mark.parametrize("name", sorted(flags.NOT_HONOURED))
def test_a_flag_that_is_not_honoured_is_refused_by_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flags.parse([BASE, f"--{name}=1"])
    assert ended.value.code == 2
    assert name in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("--colour=red", "unknown flag"),
        ("--port=many", "invalid int value"),
        ("--model_version_policy=newest", "expected latest:N"),
        ("--drain_delay=soon", "expected a duration"),
    ],
)
def test_a_wrong_flag_is_refused_with_words(argument: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        flags.parse([BASE, argument])
    assert told in capsys.readouterr().err


def test_a_boolean_may_stand_bare_or_have_a_value() -> None:
    assert not flags.parse([BASE]).enable_batching
    assert flags.parse([BASE, "--enable_batching"]).enable_batching
    assert flags.parse([BASE, "--enable_batching=true"]).enable_batching
    assert not flags.parse([BASE, "--enable_model_warmup=false"]).enable_model_warmup


@pytest.mark.parametrize("name", sorted(flags.WITHOUT_EFFECT))
def test_a_flag_without_effect_is_taken_and_told(name: str, caplog: pytest.LogCaptureFixture) -> None:
    flags.parse([BASE, f"--{name}=1"])
    assert f"--{name} has no effect: {flags.WITHOUT_EFFECT[name]}" in caplog.text


@pytest.mark.parametrize("part", ["intra", "inter"])
def test_both_ways_to_bound_threads_exclude_each_other(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    both = flags.parse([BASE, "--tensorflow_session_parallelism=3"])
    assert (both.tensorflow_intra_op_parallelism, both.tensorflow_inter_op_parallelism) == (3, 3)
    with pytest.raises(SystemExit):
        flags.parse([BASE, "--tensorflow_session_parallelism=3", f"--tensorflow_{part}_op_parallelism=2"])
    assert "--tensorflow_session_parallelism excludes" in capsys.readouterr().err


def test_the_versions_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flags.parse(["--version"])
    assert ended.value.code == 0
    assert re.fullmatch(r"tfmodel \S+, TensorFlow 2\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(("text", "value"), [("500ms", 0.5), ("5s", 5.0), ("1m", 60.0), ("2", 2.0), ("1.5s", 1.5)])
def test_durations(text: str, value: float) -> None:
    assert flags.seconds(text) == value


@pytest.mark.parametrize("wanted", ["0", "17", "-1", "two", "1.5", ""])
def test_a_number_of_processes_out_of_bounds_is_refused(wanted: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        flags.parse([BASE, f"--processes={wanted}"])
    assert f"expected a whole number from 1 to 16, got '{wanted}'" in capsys.readouterr().err


def test_processes_share_the_cores_unless_threads_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flags, "cores", lambda *, processes: 8 // processes)
    alone, shared = flags.parse([BASE]), flags.parse([BASE, "--processes=4"])
    assert (alone.predict_threads, alone.handler_threads) == (8, 16)
    assert (shared.predict_threads, shared.handler_threads) == (2, 4)
    assert flags.parse([BASE, "--processes=4", "--predict_threads=6"]).predict_threads == 6


def test_processes_cannot_share_a_unix_socket(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        flags.parse([BASE, "--processes=2", "--grpc_socket_path=/tmp/s"])
    assert "--grpc_socket_path needs --processes=1" in capsys.readouterr().err
