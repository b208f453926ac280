"""Classifies digits over REST and gRPC: python classify.py REST_URL HOST:PORT MODEL FOLDER, which holds MNIST's test files.

REST_URL is as http://localhost:8501/v1/models/mlp-classify. Prints the best class of the first five digits: as they are labelled,
as REST answers, as gRPC answers. Needs requests, tensorflow and tensorflow-serving-api.
"""

import gzip
import struct
import sys
from pathlib import Path

import grpc
import numpy as np
import requests
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, prediction_service_pb2_grpc

COUNT = 5


def digits(folder):
    """The first digits of the test set: rows of 784 numbers, and labels."""
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as data:
        _magic, _count, rows, columns = struct.unpack(">4I", data.read(16))
        pixels = np.frombuffer(data.read(COUNT * rows * columns), np.uint8).reshape(COUNT, -1) / 255
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as data:
        data.read(8)
        return pixels, list(data.read(COUNT))


def over_rest(url, pixels):
    body = {"examples": [{"x": [round(float(value), 4) for value in row]} for row in pixels]}
    results = requests.post(f"{url}:classify", json=body, timeout=10).json()["results"]
    return [max(result, key=lambda pair: pair[1])[0] for result in results]


def over_grpc(target, model, pixels):
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = model
    for row in pixels:
        feature = {"x": tf.train.Feature(float_list=tf.train.FloatList(value=row))}
        request.input.example_list.examples.append(tf.train.Example(features=tf.train.Features(feature=feature)))
    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(target))
    result = stub.Classify(request, 10.0).result
    return [max(one.classes, key=lambda found: found.score).label for one in result.classifications]


def main(url, target, model, folder):
    pixels, labels = digits(Path(folder))
    print("labels", *labels)
    print("REST  ", *over_rest(url, pixels))
    print("gRPC  ", *over_grpc(target, model, pixels))


if __name__ == "__main__":
    main(*sys.argv[1:])
