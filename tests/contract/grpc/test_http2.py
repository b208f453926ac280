"""The gRPC port as HTTP/2: what a stock client may rely on, and what a client that is none gets."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from testkit.served import Served, serving
from tfmodel.wire import messages
from tfmodel_runtime.http2 import frames
from tfmodel_runtime.http2.frames import ErrorCode

BEGUN = frames.PREFACE + frames.settings({})
NO_LIMITS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
FIVE_MILLION = 5_242_880
PINGS = 20_000


@pytest.fixture
def line(half: Served) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", half.grpc_port), 10) as found:
        yield found


@pytest.fixture
def channel(half: Served) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{half.grpc_port}", NO_LIMITS) as found:
        yield found


def until_closed(line: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    found = b""
    try:
        while data := line.recv(65_536):
            found += data
    except ConnectionResetError:
        pass
    return found


def goaway_of(data: bytes) -> ErrorCode | None:
    """The code of the first GOAWAY among frames."""
    while len(data) >= frames.HEADER_BYTES:
        high, low, kind, _, _ = frames.HEAD.unpack_from(data)
        end = frames.HEADER_BYTES + (high << 8 | low)
        if kind == frames.GOAWAY:
            return ErrorCode(int.from_bytes(data[frames.HEADER_BYTES + 4 : frames.HEADER_BYTES + 8], "big"))
        data = data[end:]
    return None


def predict(channel: grpc.Channel, array: np.ndarray) -> Any:
    request = messages.PredictRequest()
    request.model_spec.name = "half"
    tensor = request.inputs["x"]
    tensor.dtype = 1
    tensor.tensor_shape.dim.add().size = array.size
    tensor.tensor_content = array.astype(np.float32).tobytes()
    write, read = messages.PredictRequest.SerializeToString, messages.PredictResponse.FromString
    return channel.unary_unary("/tensorflow.serving.PredictionService/Predict", write, read)(request, timeout=60)


def test_an_http_1_request_is_told_that_the_port_speaks_grpc(line: socket.socket) -> None:
    line.sendall(b"GET /v1/models/half HTTP/1.1\r\nHost: a\r\n\r\n")
    answer = until_closed(line)
    assert answer.startswith(b"HTTP/1.1 505 ")
    assert b"gRPC" in answer


def test_a_bad_preface_closes_the_connection(line: socket.socket) -> None:
    line.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    assert goaway_of(until_closed(line)) is ErrorCode.PROTOCOL_ERROR


def test_a_flood_of_pings_is_told_to_be_calm_and_others_are_answered(
    line: socket.socket, channel: grpc.Channel
) -> None:
    line.sendall(BEGUN + frames.ping(bytes(8), is_ack=False) * PINGS)
    assert goaway_of(until_closed(line)) is ErrorCode.ENHANCE_YOUR_CALM
    assert list(predict(channel, np.ones(1, np.float32)).outputs["y"].float_val) == [2.5]


def test_a_message_of_20_mib_goes_there_and_back(channel: grpc.Channel) -> None:
    array = np.arange(FIVE_MILLION, dtype=np.float32)
    answer = predict(channel, array).outputs["y"]
    assert np.array_equal(np.array(answer.float_val, np.float32), array / 2 + 2)


def test_watch_tells_the_state_at_once_and_ends_when_it_is_cancelled(channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    watched = stub.Watch(health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService"), timeout=10)
    assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
    unknown = stub.Watch(health_pb2.HealthCheckRequest(service="none"), timeout=10)
    assert next(unknown).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watched.cancel()
    unknown.cancel()
    assert watched.code() is grpc.StatusCode.CANCELLED


def test_a_message_above_the_bound_is_refused_and_watch_ends_with_the_server(
    saved_models: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with (
        serving(saved_models / "half_plus_two", log, "--grpc_max_message_bytes=1000", name="half") as served,
        grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}", NO_LIMITS) as channel,
    ):
        assert len(predict(channel, np.ones(100, np.float32)).outputs["y"].float_val) == 100
        with pytest.raises(grpc.RpcError) as failed:
            predict(channel, np.ones(1000, np.float32))
        assert failed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in failed.value.details()
        watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert any(one.status == health_pb2.HealthCheckResponse.SERVING for one in watched)
        served.stop()
        told = [one.status for one in ended(watched)]
        assert set(told) <= {health_pb2.HealthCheckResponse.NOT_SERVING}
        assert watched.code() is grpc.StatusCode.UNAVAILABLE


def ended(watched: Iterator[health_pb2.HealthCheckResponse]) -> Iterator[health_pb2.HealthCheckResponse]:
    """What a stream still tells before it ends with an error."""
    try:
        yield from watched
    except grpc.RpcError:
        return
