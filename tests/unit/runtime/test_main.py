"""What the server does before it serves: TensorFlow's library is told how to run before it is opened."""

import os

import pytest

from tfmodel_runtime import composition, main

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was, whatever a test leaves in it."""
    monkeypatch.setattr(os, "environ", {name: value for name, value in os.environ.items() if name != ONEDNN})


def begun(*flags: str, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """What the variable is once the server would begin to serve."""
    monkeypatch.setattr(composition, "run", lambda _flags: 0)
    assert main.main(["--model_base_path=/models/m", *flags]) == 0
    return os.environ.get(ONEDNN)


@pytest.mark.parametrize(("mode", "expected"), [("Graph", "1"), ("XLA", "1"), ("None", None)])
def test_onednn_runs_where_models_are_optimised(
    mode: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert begun(f"--optimize={mode}", monkeypatch=monkeypatch) == expected


def test_who_runs_the_process_may_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    os.environ[ONEDNN] = "0"
    assert begun(monkeypatch=monkeypatch) == "0"
