"""Protobuf message classes of TensorFlow Serving's API, the Open Inference Protocol, gRPC's own services and SavedModel, without importing TensorFlow.

They live in a descriptor pool of their own, so that they do not collide with TensorFlow's when a process imports both: on the
wire they are the same, in Python they are other classes. The types are those of the pinned wheels (hack/generate/wire.py).
"""

from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

POOL = descriptor_pool.DescriptorPool()


def _load() -> None:
    files = descriptor_pb2.FileDescriptorSet.FromString(
        resources.files("tfmodel.wire").joinpath("descriptors.bin").read_bytes()
    )
    for file in files.file:
        POOL.Add(file)


_load()


def message(name: str) -> Any:
    """The class of a message type, such as tensorflow.serving.PredictRequest.

    Raises:
        KeyError: there is no such type.
    """
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))


TensorProto = message("tensorflow.TensorProto")
TensorShapeProto = message("tensorflow.TensorShapeProto")
SavedModel = message("tensorflow.SavedModel")
MetaGraphDef = message("tensorflow.MetaGraphDef")
SignatureDef = message("tensorflow.SignatureDef")
OpList = message("tensorflow.OpList")
ConfigProto = message("tensorflow.ConfigProto")
RunOptions = message("tensorflow.RunOptions")
PredictRequest = message("tensorflow.serving.PredictRequest")
PredictResponse = message("tensorflow.serving.PredictResponse")
GetModelMetadataRequest = message("tensorflow.serving.GetModelMetadataRequest")
GetModelMetadataResponse = message("tensorflow.serving.GetModelMetadataResponse")
SignatureDefMap = message("tensorflow.serving.SignatureDefMap")
GetModelStatusRequest = message("tensorflow.serving.GetModelStatusRequest")
GetModelStatusResponse = message("tensorflow.serving.GetModelStatusResponse")
ModelSpec = message("tensorflow.serving.ModelSpec")
ModelServerConfig = message("tensorflow.serving.ModelServerConfig")
ReloadConfigRequest = message("tensorflow.serving.ReloadConfigRequest")
ReloadConfigResponse = message("tensorflow.serving.ReloadConfigResponse")
ClassificationRequest = message("tensorflow.serving.ClassificationRequest")
ClassificationResponse = message("tensorflow.serving.ClassificationResponse")
RegressionRequest = message("tensorflow.serving.RegressionRequest")
RegressionResponse = message("tensorflow.serving.RegressionResponse")
ClassificationResult = message("tensorflow.serving.ClassificationResult")
RegressionResult = message("tensorflow.serving.RegressionResult")
MultiInferenceRequest = message("tensorflow.serving.MultiInferenceRequest")
MultiInferenceResponse = message("tensorflow.serving.MultiInferenceResponse")
Example = message("tensorflow.Example")
PredictionLog = message("tensorflow.serving.PredictionLog")
MonitoringConfig = message("tensorflow.serving.MonitoringConfig")
BatchingParameters = message("tensorflow.serving.BatchingParameters")
ServerLiveRequest = message("inference.ServerLiveRequest")
ServerLiveResponse = message("inference.ServerLiveResponse")
ServerReadyRequest = message("inference.ServerReadyRequest")
ServerReadyResponse = message("inference.ServerReadyResponse")
ModelReadyRequest = message("inference.ModelReadyRequest")
ModelReadyResponse = message("inference.ModelReadyResponse")
ServerMetadataRequest = message("inference.ServerMetadataRequest")
ServerMetadataResponse = message("inference.ServerMetadataResponse")
ModelMetadataRequest = message("inference.ModelMetadataRequest")
ModelMetadataResponse = message("inference.ModelMetadataResponse")
ModelInferRequest = message("inference.ModelInferRequest")
ModelInferResponse = message("inference.ModelInferResponse")
SSLConfig = message("tensorflow.serving.SSLConfig")
HealthCheckRequest = message("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = message("grpc.health.v1.HealthCheckResponse")
HealthListRequest = message("grpc.health.v1.HealthListRequest")
HealthListResponse = message("grpc.health.v1.HealthListResponse")
ServerReflectionRequest = message("grpc.reflection.v1.ServerReflectionRequest")
ServerReflectionResponse = message("grpc.reflection.v1.ServerReflectionResponse")
