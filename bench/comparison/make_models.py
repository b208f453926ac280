"""Makes one model as a SavedModel and the answer that TensorFlow gives to the request: make_models.py NAME FOLDER.

A program of its own, because it imports TensorFlow, which must not be in the process that starts and watches the servers.
"""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def iris() -> Any:
    """Two hidden layers of ten, as in TensorFlow's Iris tutorial."""
    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((4,)), dense(10, "relu"), dense(10, "relu"), dense(3, "softmax")])


def mnist() -> Any:
    """Keras' own example of a convolutional network for MNIST."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )


def mobilenet() -> Any:
    """MobileNetV2 with random weights, and statistics of random images in its normalisations.

    Without those the numbers die out on their way through the layers. Its answers are logits: probabilities of random weights
    are all but equal, and would show no wrong answer.
    """
    model = keras.applications.MobileNetV2(weights=None, classifier_activation=None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(np.random.default_rng(3).uniform(0, 1, (4, *model.input_shape[1:])).astype(np.float32), training=True)
    return model


MAKERS = {"iris": iris, "mnist": mnist, "mobilenet": mobilenet}


def main(name: str, base: Path) -> None:
    keras.utils.set_random_seed(7)
    model = MAKERS[name]()
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda x: {"y": model(x, training=False)},
        [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="x")],
    )
    archive.write_out(str(base / "1"), verbose=False)
    signature = tf.saved_model.load(str(base / "1")).signatures["serving_default"]
    answer = signature(x=tf.constant(np.load(base / "row.npy")))["y"].numpy()
    np.save(base / "expected.npy", answer)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
