"""Asks the model over REST: python rest.py URL raw|parsing, as http://localhost:8501/v1/models/iris-estimator:predict.

Needs requests; for `parsing` also TensorFlow, for tf.train.Example.
"""

import base64
import json
import sys

import requests

FLOWERS = (
    {"SepalLength": 5.1, "SepalWidth": 3.3, "PetalLength": 1.7, "PetalWidth": 0.5},
    {"SepalLength": 5.9, "SepalWidth": 3.0, "PetalLength": 4.2, "PetalWidth": 1.5},
    {"SepalLength": 6.9, "SepalWidth": 3.1, "PetalLength": 5.4, "PetalWidth": 2.1},
)


def serialized(flower):
    """A flower as a serialized tf.Example."""
    import tensorflow as tf  # noqa: PLC0415 - only this form needs it

    feature = {name: tf.train.Feature(float_list=tf.train.FloatList(value=[value])) for name, value in flower.items()}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def main(url, form):
    rows = FLOWERS
    if form == "parsing":
        rows = [{"examples": {"b64": base64.b64encode(serialized(flower)).decode()}} for flower in FLOWERS]
    body = {"signature_name": "serving_default", "instances": list(rows)}
    answer = requests.post(url, json=body, timeout=10)
    predictions = json.loads(answer.content)["predictions"]
    print([row["class_ids"][0] for row in predictions])


if __name__ == "__main__":
    main(*sys.argv[1:])
