"""MNIST from a tf.data pipeline, with the callbacks for TensorBoard, for the best model, and for a learning rate that falls.

The best model is kept as ./mnist.h5, loaded again and evaluated, and exported as model/1 with `input` and `output`.
"""

import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras.callbacks import ModelCheckpoint, ReduceLROnPlateau, TensorBoard

from tfmodel import train
from tfmodel.train.keras import ProgressCallback

MODEL_PATH, MODEL_VERSION = "model", "1"


def load_data(folder):
    """Training and test images, uint8 [count, 28, 28], and labels, from a mnist.npz that was placed instead of downloaded."""
    with np.load(folder / "mnist.npz", allow_pickle=False) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])


def get_callbacks(best):
    """Logs for TensorBoard, the best model by its loss, a lower learning rate when the loss stagnates; and the progress."""
    return [
        TensorBoard(log_dir=os.environ["TFMODEL_LOG_DIR"]),
        ModelCheckpoint(filepath=best, save_best_only=True, monitor="loss"),
        ReduceLROnPlateau(monitor="loss"),
        ProgressCallback(),
    ]


def get_dataset(x, y, batch_size=32):
    """Shuffled before it is mapped, since what is shuffled is held in memory; batches without end."""

    def parse_data(x, y):
        return tf.cast(x, tf.float32) / 255.0, tf.one_hot(y, 10)

    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    return dataset.shuffle(60000).map(parse_data).prefetch(batch_size * 10).batch(batch_size).repeat(100000)


def main():
    keras.utils.set_random_seed(7)
    (x_train, y_train), (x_test, y_test) = load_data(Path(os.environ["TFMODEL_INPUT_MNIST"]))
    x_test = x_test / 255.0
    model = keras.models.Sequential(
        [
            keras.layers.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="Adam", loss="categorical_crossentropy", metrics=["accuracy"])

    work = Path(os.environ["TFMODEL_CHECKPOINT_DIR"])
    work.mkdir(parents=True, exist_ok=True)
    best = work / "mnist.h5"
    steps = int(os.environ.get("TFMODEL_PARAM_STEPS_PER_EPOCH", "2000"))
    epochs = int(os.environ.get("TFMODEL_PARAM_EPOCHS", "1"))
    model.fit(
        get_dataset(x_train, y_train), epochs=epochs, steps_per_epoch=steps, callbacks=get_callbacks(best), verbose=2
    )

    model = keras.models.load_model(best)
    loss, accuracy = model.evaluate(x_test, keras.utils.to_categorical(y_test, 10), verbose=0)
    print(loss, accuracy, flush=True)

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28], tf.float32, name="input")])
    def predict(pixels):
        return {"output": model(pixels, training=False)}

    exported = keras.export.ExportArchive()
    exported.track(model)
    exported.add_endpoint("serving_default", predict)
    exported.write_out(Path(os.environ["TFMODEL_EXPORT_DIR"]) / MODEL_PATH / MODEL_VERSION, verbose=False)
    train.report_metrics({"loss": loss, "accuracy": accuracy})


if __name__ == "__main__":
    main()
