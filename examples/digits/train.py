"""Trains a convolutional network on digits in idx-gz files, of whatever size their headers tell, and leaves a .keras file.

A training that was interrupted goes on after the last epoch that ended: BackupAndRestore keeps it in $TFMODEL_CHECKPOINT_DIR, and the
one before it too, since the interruption may come while a file is written.

The files are those of MNIST's format: train-images-idx3-ubyte.gz and its three siblings in $TFMODEL_INPUT_DIGITS.
"""

import gzip
import os
import struct
from pathlib import Path

import keras
import numpy as np

from tfmodel import train
from tfmodel.train.keras import ProgressCallback

IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049


def images(file):
    """Pixels float32 [count, rows, columns, 1] between 0 and 1."""
    with gzip.open(file) as data:
        magic, count, rows, columns = struct.unpack(">4I", data.read(16))
        if magic != IMAGES_MAGIC:
            raise ValueError(f"{file}: expected magic number {IMAGES_MAGIC}, got {magic}")
        pixels = np.frombuffer(data.read(count * rows * columns), np.uint8)
    return pixels.reshape(count, rows, columns, 1).astype(np.float32) / 255


def labels(file):
    """Labels int32 [count]."""
    with gzip.open(file) as data:
        magic, count = struct.unpack(">2I", data.read(8))
        if magic != LABELS_MAGIC:
            raise ValueError(f"{file}: expected magic number {LABELS_MAGIC}, got {magic}")
        return np.frombuffer(data.read(count), np.uint8).astype(np.int32)


def network(shape):
    """A small network for images of that shape [rows, columns, 1]: probabilities of the ten digits."""
    return keras.Sequential(
        [
            keras.layers.Input(shape, name="images"),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax", name="scores"),
        ]
    )


def main():
    data = Path(os.environ["TFMODEL_INPUT_DIGITS"])
    epochs = int(os.environ.get("TFMODEL_PARAM_EPOCHS", "12"))
    keras.utils.set_random_seed(7)
    train_x = images(data / "train-images-idx3-ubyte.gz")
    train_y = labels(data / "train-labels-idx1-ubyte.gz")
    test_x = images(data / "t10k-images-idx3-ubyte.gz")
    test_y = labels(data / "t10k-labels-idx1-ubyte.gz")
    print(f"{len(train_x)} images of {train_x.shape[1:3]} to train on, {len(test_x)} to test on", flush=True)
    model = network(train_x.shape[1:])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    callbacks = [
        keras.callbacks.BackupAndRestore(os.environ["TFMODEL_CHECKPOINT_DIR"], double_checkpoint=True),
        ProgressCallback(),
    ]
    model.fit(train_x, train_y, epochs=epochs, batch_size=32, verbose=2, callbacks=callbacks)
    _loss, accuracy = model.evaluate(test_x, test_y, verbose=0)
    print(f"test accuracy {accuracy:.4f}", flush=True)
    export = Path(os.environ["TFMODEL_EXPORT_DIR"])
    export.mkdir(parents=True, exist_ok=True)
    model.save(export / "digits.keras")
    train.report_metrics({"accuracy": accuracy})


if __name__ == "__main__":
    main()
