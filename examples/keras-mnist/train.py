"""MNIST with Keras: Flatten, Dense 5120, Dropout; exported with the input `images` and the output `scores`."""

import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Dense, Dropout, Flatten, Input
from keras.models import Sequential

from tfmodel import train
from tfmodel.train.keras import ProgressCallback


def load_data(folder):
    """Training and test images, uint8 [count, 28, 28], and labels, from a mnist.npz that was placed instead of downloaded."""
    with np.load(folder / "mnist.npz", allow_pickle=False) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])


def main():
    keras.utils.set_random_seed(7)
    (x_train, y_train), (x_test, y_test) = load_data(Path(os.environ["TFMODEL_INPUT_MNIST"]))
    x_train, x_test = x_train / 255.0, x_test / 255.0
    print(x_train.shape, flush=True)

    model = Sequential()
    model.add(Input((28, 28), name="images"))
    model.add(Flatten())
    model.add(Dense(units=5120, activation="relu"))
    model.add(Dropout(0.2))
    model.add(Dense(units=10, activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()

    epochs = int(os.environ.get("TFMODEL_PARAM_EPOCHS", "2"))
    model.fit(x_train, y_train, epochs=epochs, verbose=2, callbacks=[ProgressCallback()])
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)

    # the names of the signature's inputs and outputs are the keys that clients send and get
    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28], tf.float32, name="images")])
    def predict(images):
        return {"scores": model(images, training=False)}

    exported = keras.export.ExportArchive()
    exported.track(model)
    exported.add_endpoint("serving_default", predict)
    exported.write_out(Path(os.environ["TFMODEL_EXPORT_DIR"]) / "mnist_keras", verbose=False)
    train.report_metrics({"loss": loss, "accuracy": accuracy})


if __name__ == "__main__":
    main()
