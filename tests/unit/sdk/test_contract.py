"""The contract with training containers and the export step."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmodel import contract
from tfmodel.contract import ExportReport, ExportRequest, Failure


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("epochs", "TFMODEL_PARAM_EPOCHS"),
        ("learningRate", "TFMODEL_PARAM_LEARNING_RATE"),
        ("batch_size", "TFMODEL_PARAM_BATCH_SIZE"),
        ("l2Penalty", "TFMODEL_PARAM_L2_PENALTY"),
    ],
)
def test_a_parameters_variable(name: str, variable: str) -> None:
    assert contract.param_env_name(name) == variable


def test_an_inputs_variable() -> None:
    assert contract.input_env_name("hold-out") == "TFMODEL_INPUT_HOLD_OUT"


def test_a_request_goes_there_and_back() -> None:
    request = ExportRequest(
        model="m",
        run_id="1",
        run_key="1-a",
        owner="u",
        export_dir="/e",
        metrics_file="/m",
        store="/s",
        params={"a": "b"},
    )
    assert ExportRequest.from_json(request.to_json()) == request
    assert json.loads(request.to_json())["runKey"] == "1-a"


def test_a_log_is_no_report() -> None:
    assert ExportReport.from_json("Traceback (most recent call last)") is None


@given(
    st.text(max_size=6000),
    st.dictionaries(st.text(max_size=300), st.text(max_size=300), max_size=60),
    st.lists(st.text(max_size=300), max_size=60),
    st.lists(st.integers(1, 10**9), max_size=1000),
)
def test_a_report_fits_a_termination_message_and_can_be_read(
    text: str, metrics: dict[str, str], signatures: list[str], stored: list[int]
) -> None:
    failure = Failure(reason="BadSavedModel", message=text, hint=text)
    report = ExportReport(
        version=7, metrics=metrics, signatures=tuple(signatures), stored_versions=tuple(stored), failure=failure
    )
    message = report.to_termination_message()
    assert len(message.encode()) <= contract.TERMINATION_MESSAGE_BYTES
    found = ExportReport.from_json(message)
    assert found is not None
    assert found.version == 7
    assert found.failure is not None
    assert found.failure.reason == "BadSavedModel"
