"""The message classes: complete, the pinned wheels' own, and apart from TensorFlow's."""

import subprocess
import sys

import numpy as np
import pytest

from tfmodel.wire import messages

BESIDE_TENSORFLOW = """
import numpy as np
from tfmodel.wire import messages
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tfmodel.wire.tensors import to_array, to_proto

theirs = predict_pb2.PredictRequest()
theirs.model_spec.name = "m"
theirs.inputs["x"].CopyFrom(tf.make_tensor_proto([[1.5, 2.5]]))
ours = messages.PredictRequest.FromString(theirs.SerializeToString())
assert ours.model_spec.name == "m"
assert to_array(ours.inputs["x"]).tolist() == [[1.5, 2.5]]
assert type(ours) is not type(theirs)

for array in (np.array([[1, 2]]), np.array([True]), np.array([b"a", b"b"], object), np.array(1j), np.zeros(0, np.float16)):
    back = tf.make_ndarray(type(tf.make_tensor_proto(0)).FromString(to_proto(array).SerializeToString()))
    assert back.tolist() == array.tolist() and back.shape == array.shape, (array, back)
    again = messages.TensorProto.FromString(tf.make_tensor_proto(array).SerializeToString())
    assert to_array(again).tolist() == array.tolist()
"""


@pytest.mark.parametrize("order", ["first", "last"])
def test_they_live_beside_tensorflows_in_one_process(order: str) -> None:
    program = BESIDE_TENSORFLOW if order == "last" else "import tensorflow\n" + BESIDE_TENSORFLOW
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr[-3000:]


def test_they_need_no_tensorflow() -> None:
    program = "import sys, tfmodel.wire.messages, tfmodel.client.rest, tfmodel.client.grpc; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize(
    "name",
    [
        "PredictionLog",
        "ModelServerConfig",
        "ReloadConfigRequest",
        "ClassificationRequest",
        "RegressionRequest",
        "MultiInferenceRequest",
    ],
)
def test_the_whole_surface_is_there(name: str) -> None:
    assert getattr(messages, name).DESCRIPTOR.full_name == f"tensorflow.serving.{name}"


def test_a_type_that_is_none_is_named() -> None:
    with pytest.raises(KeyError, match="NoSuchType"):
        messages.message("tensorflow.serving.NoSuchType")


def test_an_any_can_be_packed_and_unpacked() -> None:
    answer, found = messages.GetModelMetadataResponse(), messages.SignatureDefMap()
    signatures = messages.SignatureDefMap()
    signatures.signature_def["serving_default"].method_name = "tensorflow/serving/predict"
    answer.metadata["signature_def"].Pack(signatures)
    assert answer.metadata["signature_def"].type_url == "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    assert answer.metadata["signature_def"].Unpack(found)
    assert found == signatures
    assert np.array(list(found.signature_def)).tolist() == ["serving_default"]
