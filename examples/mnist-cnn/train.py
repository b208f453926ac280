"""The convolutional network of Keras' mnist_cnn.py, saved as mnist_cnn.h5. Serving and conversion both start from this file."""

import os
from pathlib import Path

import keras
import numpy as np
from keras.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D

from tfmodel import train
from tfmodel.train.keras import ProgressCallback

ROWS, COLUMNS, CLASSES = 28, 28, 10


def load_data(folder):
    """Training and test images, uint8 [count, 28, 28], and labels, from a mnist.npz that was placed instead of downloaded."""
    with np.load(folder / "mnist.npz", allow_pickle=False) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])


def pixels(images):
    """Float32 [count, 28, 28, 1] between 0 and 1."""
    return images.reshape(len(images), ROWS, COLUMNS, 1).astype("float32") / 255


def main():
    keras.utils.set_random_seed(7)
    (x_train, y_train), (x_test, y_test) = load_data(Path(os.environ["TFMODEL_INPUT_MNIST"]))
    model = keras.Sequential(
        [
            Input((ROWS, COLUMNS, 1), name="image"),
            Conv2D(32, kernel_size=(3, 3), activation="relu"),
            Conv2D(64, (3, 3), activation="relu"),
            MaxPooling2D(pool_size=(2, 2)),
            Dropout(0.25),
            Flatten(),
            Dense(128, activation="relu"),
            Dropout(0.5),
            Dense(CLASSES, activation="softmax", name="probabilities"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    epochs = int(os.environ.get("TFMODEL_PARAM_EPOCHS", "12"))
    labels = keras.utils.to_categorical(y_train, CLASSES)
    model.fit(pixels(x_train), labels, batch_size=128, epochs=epochs, verbose=2, callbacks=[ProgressCallback()])
    loss, accuracy = model.evaluate(pixels(x_test), keras.utils.to_categorical(y_test, CLASSES), verbose=0)
    print("Test loss:", loss)
    print("Test accuracy:", accuracy, flush=True)
    export = Path(os.environ["TFMODEL_EXPORT_DIR"])
    export.mkdir(parents=True, exist_ok=True)
    model.save(export / "mnist_cnn.h5")
    train.report_metrics({"loss": loss, "accuracy": accuracy})


if __name__ == "__main__":
    main()
