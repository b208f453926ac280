"""How each server is asked: the request's path and body, and how its answer is read, for REST and for gRPC."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comparison.models import INPUT, NAME, OUTPUT
from tfmodel.wire import messages

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Dialect:
    """A way to ask: `path` is a URL's path, or a gRPC method's full name without the leading slash."""

    path: str
    encode: Callable[[Floats], bytes]
    decode: Callable[[bytes], Floats]
    """Raises ValueError, KeyError or TypeError on what is no answer."""


def _json(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _numbers(row: Floats) -> Any:
    """Nested lists of numbers as a user would write them: 0.1234, not the float32 nearest to it."""
    return np.round(row.astype(np.float64), 6).tolist()


def _v1_body(row: Floats) -> bytes:
    return _json({"instances": _numbers(row)})


def _v1_answer(body: bytes) -> Floats:
    return np.asarray(json.loads(body)["predictions"], np.float32)


def _v2_body(row: Floats) -> bytes:
    data = _numbers(row.ravel())
    return _json({"inputs": [{"name": INPUT, "shape": list(row.shape), "datatype": "FP32", "data": data}]})


def _v2_answer(body: bytes) -> Floats:
    return np.asarray(json.loads(body)["outputs"][0]["data"], np.float32)


def _plain_body(row: Floats) -> bytes:
    return _json({INPUT: _numbers(row)})


def _plain_answer(body: bytes) -> Floats:
    return np.asarray(json.loads(body), np.float32)


def _predict_request(row: Floats) -> bytes:
    request = messages.PredictRequest(model_spec={"name": NAME})
    request.inputs[INPUT].CopyFrom(_tensor(row))
    return bytes(request.SerializeToString())


def _tensor(row: Floats) -> Any:
    dimensions = [{"size": size} for size in row.shape]
    return messages.TensorProto(dtype=1, tensor_shape={"dim": dimensions}, tensor_content=row.tobytes())


def _predict_response(body: bytes) -> Floats:
    tensor = messages.PredictResponse.FromString(body).outputs[OUTPUT]
    return np.frombuffer(tensor.tensor_content, np.float32) if tensor.tensor_content else np.array(tensor.float_val)


def _infer_request(row: Floats) -> bytes:
    tensor = {"name": INPUT, "datatype": "FP32", "shape": list(row.shape)}
    request = messages.ModelInferRequest(model_name=NAME, inputs=[tensor], raw_input_contents=[row.tobytes()])
    return bytes(request.SerializeToString())


def _infer_response(body: bytes) -> Floats:
    response = messages.ModelInferResponse.FromString(body)
    if response.raw_output_contents:
        return np.frombuffer(response.raw_output_contents[0], np.float32)
    return np.array(response.outputs[0].contents.fp32_contents, np.float32)


V1 = Dialect(f"/v1/models/{NAME}:predict", _v1_body, _v1_answer)
V2 = Dialect(f"/v2/models/{NAME}/infer", _v2_body, _v2_answer)
PLAIN = Dialect("/predict", _plain_body, _plain_answer)
PREDICT = Dialect("tensorflow.serving.PredictionService/Predict", _predict_request, _predict_response)
INFER = Dialect("inference.GRPCInferenceService/ModelInfer", _infer_request, _infer_response)
