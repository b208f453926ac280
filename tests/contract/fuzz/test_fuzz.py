"""Whatever is sent, the server answers, and no answer is its own fault. `make fuzz` sends more than a hundred thousand inputs.

The models of these tests cannot fail by themselves, so that an answer of 5xx, INTERNAL or UNKNOWN is the server's doing.
"""

from __future__ import annotations

import http.client
import json
import os
import urllib.parse
from collections.abc import Iterator

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.conftest import Inputs
from testkit.served import Served
from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType

COUNT = int(os.environ.get("TFMODEL_FUZZ_EXAMPLES", "60"))
FUZZ = settings(max_examples=COUNT, deadline=None, database=None, suppress_health_check=list(HealthCheck))
SIGNATURES = ["text", "echo", "halves", "count", "none", ""]
KEYS = st.sampled_from(
    ["instances", "inputs", "signature_name", "examples", "context", "x", "b64", "text", "i64", "id"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*SIGNATURES, "AAE=", "%%%", "1e999"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=4).map(lambda body: json.dumps(body, ensure_ascii=False))


class Client:
    """A kept connection, opened anew when the server closes it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def client(types: Served) -> Iterator[Client]:
    made = Client(types.rest_port)
    yield made
    made.close()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """JSON of a request with some of its bytes cut, replaced or doubled."""
    body = bytearray(draw(BODIES).encode("utf-8", errors="surrogatepass"))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, max(0, len(body) - 1)))
        kind = draw(st.sampled_from(["cut", "replace", "insert", "double"]))
        if kind == "cut":
            del body[place:]
        elif kind == "replace" and body:
            body[place] = draw(st.integers(0, 255))
        elif kind == "insert":
            body[place:place] = draw(st.sampled_from([b"NaN", b"-Infinity", b"Inf", b"\xff", b"\\ud800", b"[[[", b"}"]))
        else:
            body[place:place] = body
    return bytes(body)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("verb", ["predict", "classify", "regress"])
def test_rest_bodies(types: Served, client: Client, inputs: Inputs, verb: str) -> None:
    @given(damaged())
    @FUZZ
    def check(body: bytes) -> None:
        inputs.add()
        status, answer = client.ask("POST", f"/v1/models/m:{verb}", body)
        assert status < 500 or (status == 501 and b"to type: half" in answer), (status, answer)
        assert answer

    check()
    assert types.process.poll() is None


@pytest.mark.timeout(3600)
def test_rest_paths(types: Served, client: Client, inputs: Inputs) -> None:
    pieces = st.sampled_from(
        ["/", "v1", "v2", "models", "m", "versions", "labels", "metadata", ":", "predict", "%2F", "1"]
    )
    paths = st.lists(pieces | st.text(max_size=3), max_size=10).map(
        lambda parts: "/" + urllib.parse.quote("".join(parts), safe="/:%")
    )

    @given(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]), paths)
    @FUZZ
    def check(method: str, path: str) -> None:
        inputs.add()
        status, answer = client.ask(method, path, b"{}" if method != "GET" else None)
        assert status < 500, (status, answer)

    check()
    assert types.process.poll() is None


SHAPES = st.lists(st.integers(-2, 4) | st.sampled_from([2**31, 2**62, -(2**63)]), max_size=4)


@st.composite
def tensors(draw: st.DrawFn) -> object:
    """A TensorProto of any type, shape and content, which need not fit each other."""
    proto = messages.TensorProto(dtype=draw(st.sampled_from([int(one) for one in DataType]) | st.integers(-1, 130)))
    for size in draw(SHAPES):
        proto.tensor_shape.dim.add(size=size)
    proto.tensor_shape.unknown_rank = draw(st.booleans())
    proto.tensor_content = draw(st.just(b"") | st.binary(max_size=40))
    proto.float_val.extend(draw(st.lists(st.floats(width=32), max_size=3)))
    proto.int_val.extend(draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3)))
    proto.int64_val.extend(draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3)))
    proto.string_val.extend(draw(st.lists(st.binary(max_size=5), max_size=3)))
    proto.bool_val.extend(draw(st.lists(st.booleans(), max_size=3)))
    proto.half_val.extend(draw(st.lists(st.integers(0, 2**31 - 1), max_size=3)))
    return proto


@pytest.mark.timeout(3600)
def test_grpc_tensors(types: Served, inputs: Inputs) -> None:
    fine = {
        grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.UNIMPLEMENTED,
    }  # fmt: skip
    with grpc.insecure_channel(f"127.0.0.1:{types.grpc_port}") as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")

        @given(
            st.sampled_from(SIGNATURES),
            st.dictionaries(st.sampled_from(["text", "i64", "i8", "flag", "f64", "half", "x"]), tensors(), max_size=4),
            st.lists(st.sampled_from(["twice", "id", "no"]), max_size=2),
        )
        @FUZZ
        def check(signature: str, sent: dict[str, object], outputs: list[str]) -> None:
            inputs.add()
            request = messages.PredictRequest(output_filter=outputs)
            request.model_spec.name, request.model_spec.signature_name = "m", signature
            for alias, proto in sent.items():
                request.inputs[alias].CopyFrom(proto)
            future = call.future(request.SerializeToString(), timeout=60)
            assert future.code() in fine, (future.code(), future.details())

        check()
    assert types.process.poll() is None
