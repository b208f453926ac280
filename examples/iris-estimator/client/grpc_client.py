"""Asks the model over gRPC: python grpc_client.py HOST:PORT MODEL raw|parsing. Needs tensorflow and tensorflow-serving-api."""

import sys

import grpc
import numpy as np
import tensorflow as tf
from rest import FLOWERS, serialized
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def main(target, model, form):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(target))
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = "serving_default"
    if form == "parsing":
        examples = [serialized(flower) for flower in FLOWERS]
        request.inputs["examples"].CopyFrom(tf.make_tensor_proto(examples, shape=[len(examples)]))
    else:
        for name in FLOWERS[0]:
            values = [flower[name] for flower in FLOWERS]
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values, shape=[len(values)]))
    result = stub.Predict(request, 10.0)
    logits = result.outputs["logits"]
    shape = tf.TensorShape(logits.tensor_shape)
    outputs = np.array(logits.float_val).reshape(shape.as_list())
    print(f"logits:{outputs}")
    print(np.argmax(outputs, axis=1).tolist())


if __name__ == "__main__":
    main(*sys.argv[1:])
