"""Requests as each server wants them, answers as each gives them, and the check that an answer is the model's own."""

import json
from pathlib import Path

import numpy as np
import pytest

from comparison import dialects
from comparison.models import MODELS, Made, is_right, row_of
from tfmodel.wire import messages

ROW = np.array([[0.1234, 0.5, 1, 0]], np.float32)
ANSWER = np.array([0.25, 0.75], np.float32)


def test_numbers_are_written_as_a_user_would_write_them() -> None:
    assert dialects.V1.encode(ROW) == b'{"instances":[[0.1234,0.5,1.0,0.0]]}'


def test_the_open_protocols_body_is_flat_and_names_its_shape() -> None:
    (given,) = json.loads(dialects.V2.encode(ROW))["inputs"]
    assert given == {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [0.1234, 0.5, 1.0, 0.0]}


def test_grpc_requests_carry_the_rows_bytes() -> None:
    predict = messages.PredictRequest.FromString(dialects.PREDICT.encode(ROW))
    infer = messages.ModelInferRequest.FromString(dialects.INFER.encode(ROW))
    assert predict.inputs["x"].tensor_content == infer.raw_input_contents[0] == ROW.tobytes()


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (dialects.V1, b'{"predictions": [[0.25, 0.75]]}'),
        (dialects.V2, b'{"outputs": [{"name": "y", "data": [0.25, 0.75]}]}'),
        (dialects.PLAIN, b"[[0.25, 0.75]]"),
        (dialects.PREDICT, messages.PredictResponse(outputs={"y": {"float_val": [0.25, 0.75]}}).SerializeToString()),
        (
            dialects.PREDICT,
            messages.PredictResponse(outputs={"y": {"tensor_content": ANSWER.tobytes()}}).SerializeToString(),
        ),
        (dialects.INFER, messages.ModelInferResponse(raw_output_contents=[ANSWER.tobytes()]).SerializeToString()),
        (
            dialects.INFER,
            messages.ModelInferResponse(
                outputs=[{"name": "y", "contents": {"fp32_contents": [0.25, 0.75]}}]
            ).SerializeToString(),
        ),
    ],
)
def test_answers_of_all_forms_are_read(dialect: dialects.Dialect, body: bytes) -> None:
    np.testing.assert_array_equal(dialect.decode(body).ravel(), ANSWER)


def test_rows_are_the_same_in_each_run_and_of_the_models_shape() -> None:
    model = MODELS["mnist"]
    assert row_of(model).shape == (1, 28, 28, 1)
    np.testing.assert_array_equal(row_of(model), row_of(model))


@pytest.mark.parametrize(
    ("answer", "right"), [([0.2500001, 0.75], True), ([0.26, 0.75], False), ([0.25], False), ([np.nan, 0.75], False)]
)
def test_an_answer_is_right_if_it_is_the_models_but_for_the_last_digits(answer: list[float], right: bool) -> None:
    made = Made(MODELS["iris"], Path(), ROW, ANSWER[None])
    assert is_right(made, np.array(answer, np.float32)) is right
