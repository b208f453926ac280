"""All doors lead to the same model: each form of each protocol gives equal answers."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
import tritonclient.grpc
import tritonclient.http
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tritonclient.utils import np_to_triton_dtype

from testkit.served import Served

Arrays = dict[str, Any]
Door = Callable[[Arrays], Arrays]
SIZES = hnp.array_shapes(min_dims=1, max_dims=1, min_side=0, max_side=5)
ECHO = st.fixed_dictionaries(
    {
        "i64": hnp.arrays(np.int64, SIZES),
        "i8": hnp.arrays(np.int8, SIZES),
        "flag": hnp.arrays(np.bool_, SIZES),
        "f64": hnp.arrays(np.float64, SIZES, elements=st.floats(allow_nan=False, allow_infinity=False)),
    }
)


class Doors:
    """Every way to ask the signature `echo` of the model `types`."""

    def __init__(self, served: Served, channel: Any, rest: Any, rpc: Any) -> None:
        self._served = served
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        self._rest, self._rpc = rest, rpc

    def v1_rest(self, inputs: Arrays) -> Arrays:
        body = {"signature_name": "echo", "inputs": {alias: array.tolist() for alias, array in inputs.items()}}
        status, answer = self._served.ask("/v1/models/m:predict", body)
        assert status == 200, answer
        return {alias: np.array(value, inputs[alias].dtype) for alias, value in answer["outputs"].items()}

    def v1_grpc(self, inputs: Arrays) -> Arrays:
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = "m", "echo"
        for alias, array in inputs.items():
            request.inputs[alias].CopyFrom(tf.make_tensor_proto(array))
        return {alias: tf.make_ndarray(proto) for alias, proto in self._predict(request, timeout=10).outputs.items()}

    def v2_json(self, inputs: Arrays) -> Arrays:
        return self._v2_rest(inputs, is_binary=False)

    def v2_binary(self, inputs: Arrays) -> Arrays:
        return self._v2_rest(inputs, is_binary=True)

    def _v2_rest(self, inputs: Arrays, *, is_binary: bool) -> Arrays:
        outputs = [tritonclient.http.InferRequestedOutput(alias, binary_data=is_binary) for alias in inputs]
        sent = []
        for alias, array in inputs.items():
            one = tritonclient.http.InferInput(alias, list(array.shape), np_to_triton_dtype(array.dtype))
            one.set_data_from_numpy(array, binary_data=is_binary)
            sent.append(one)
        answer = self._rest.infer("m", sent, outputs=outputs, parameters={"signature_name": "echo"})
        return {alias: answer.as_numpy(alias) for alias in inputs}

    def v2_grpc(self, inputs: Arrays) -> Arrays:
        sent = []
        for alias, array in inputs.items():
            one = tritonclient.grpc.InferInput(alias, list(array.shape), np_to_triton_dtype(array.dtype))
            one.set_data_from_numpy(array)
            sent.append(one)
        answer = self._rpc.infer("m", sent, parameters={"signature_name": "echo"})
        return {alias: answer.as_numpy(alias) for alias in inputs}


@pytest.fixture(scope="module")
def doors(types: Served) -> Iterator[Doors]:
    with (
        grpc.insecure_channel(f"127.0.0.1:{types.grpc_port}") as channel,
        tritonclient.http.InferenceServerClient(f"127.0.0.1:{types.rest_port}") as rest,
        tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{types.grpc_port}") as rpc,
    ):
        yield Doors(types, channel, rest, rpc)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inputs=ECHO)
def test_every_door_gives_equal_numbers(doors: Doors, inputs: Arrays) -> None:
    equal_through(doors, inputs)


def test_every_door_gives_equal_numbers_where_bodies_are_large(doors: Doors) -> None:
    numbers = np.random.default_rng(0)
    integers = numbers.integers(-(2**62), 2**62, 50_000)
    echoed = {"i64": integers, "i8": integers.astype(np.int8), "flag": integers > 0, "f64": numbers.random(50_000)}
    equal_through(doors, echoed)


def equal_through(doors: Doors, inputs: Arrays) -> None:
    asked: list[Door] = [doors.v1_rest, doors.v1_grpc, doors.v2_json, doors.v2_binary, doors.v2_grpc]
    for door in asked:
        found = door(inputs)
        assert set(found) == set(inputs)
        for alias, array in inputs.items():
            assert found[alias].dtype == array.dtype
            np.testing.assert_array_equal(found[alias], array, err_msg=f"{door.__name__}: {alias}")
