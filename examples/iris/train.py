"""Trains a classifier of iris flowers on four named measurements and exports it as a SavedModel.

The contract with TFModel is the environment: data in $TFMODEL_INPUT_TRAIN, the model to $TFMODEL_EXPORT_DIR, the metrics to
$TFMODEL_METRICS_FILE, parameters in $TFMODEL_PARAM_*. Nothing of TFModel is imported.
"""

import csv
import json
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

FEATURES = ("SepalLength", "SepalWidth", "PetalLength", "PetalWidth")


def read(file):
    """Features float32 [rows, 4] and labels int32 [rows]; the first line counts rows and names the species."""
    with file.open(newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    table = np.array(rows, np.float32)
    return table[:, :4], table[:, 4].astype(np.int32)


class Progress(keras.callbacks.Callback):
    """Prints how far the training is."""

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1}: loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.4f}", flush=True)


def export(network, target):
    """Writes the network behind a signature of four named scalars a row."""

    def classify(*measurements):
        logits = network(tf.stack(measurements, axis=1))
        return {
            "class_ids": tf.argmax(logits, axis=1),
            "probabilities": tf.nn.softmax(logits),
            "logits": logits,
        }

    archive = keras.export.ExportArchive()
    archive.track(network)
    signature = [tf.TensorSpec([None], tf.float32, name=name) for name in FEATURES]
    archive.add_endpoint("serving_default", classify, input_signature=signature)
    archive.write_out(target, verbose=False)


def main():
    data = Path(os.environ["TFMODEL_INPUT_TRAIN"])
    epochs = int(os.environ.get("TFMODEL_PARAM_EPOCHS", "60"))
    learning_rate = float(os.environ.get("TFMODEL_PARAM_LEARNING_RATE", "0.02"))
    keras.utils.set_random_seed(7)
    train_x, train_y = read(data / "iris_training.csv")
    test_x, test_y = read(data / "iris_test.csv")
    normalization = keras.layers.Normalization()
    normalization.adapt(train_x)
    network = keras.Sequential(
        [
            keras.layers.Input((4,)),
            normalization,
            keras.layers.Dense(10, activation="relu"),
            keras.layers.Dense(10, activation="relu"),
            keras.layers.Dense(3),
        ]
    )
    network.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    network.fit(train_x, train_y, epochs=epochs, batch_size=32, verbose=0, callbacks=[Progress()])
    loss, accuracy = network.evaluate(test_x, test_y, verbose=0)
    print(f"test: loss {loss:.4f}, accuracy {accuracy:.4f}", flush=True)
    export(network, os.environ["TFMODEL_EXPORT_DIR"])
    Path(os.environ["TFMODEL_METRICS_FILE"]).write_text(json.dumps({"accuracy": float(accuracy), "loss": float(loss)}))


if __name__ == "__main__":
    main()
