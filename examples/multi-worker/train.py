"""Trains a network on digits with MultiWorkerMirroredStrategy: on one worker or on several, as TF_CONFIG says.

Each worker takes its share of every batch, and the gradients are summed, so that the model is the same on all of them. Only the
chief writes the model. A worker that is killed takes the others with it; started again they go on from the last epoch that ended,
which the chief keeps in $TFMODEL_CHECKPOINT_DIR.
"""

import gzip
import json
import os
import struct
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import keras
import numpy as np
import tensorflow as tf

from tfmodel import train

IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049
BATCH = 64


def read(file, magic_wanted, dimensions):
    """The bytes of an idx-gz file, uint8 in the shape that its header tells."""
    with gzip.open(file) as data:
        magic, *shape = struct.unpack(f">{1 + dimensions}I", data.read(4 + 4 * dimensions))
        if magic != magic_wanted:
            raise ValueError(f"{file}: expected magic number {magic_wanted}, got {magic}")
        return np.frombuffer(data.read(), np.uint8).reshape(shape)


def images(file):
    """Pixels float32 [count, rows, columns, 1] between 0 and 1."""
    return read(file, IMAGES_MAGIC, 3)[..., np.newaxis].astype(np.float32) / 255


def network(shape):
    """Probabilities of the ten digits for images of that shape [rows, columns, 1]."""
    return keras.Sequential(
        [
            keras.layers.Input(shape, name="images"),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax", name="scores"),
        ]
    )


def batches(strategy, pixels, labels, epoch):
    """The batches of an epoch, of which each worker gets its share; in another order each time, the same on all workers."""
    order = np.random.default_rng(epoch).permutation(len(pixels))[: len(pixels) // BATCH * BATCH]
    dataset = tf.data.Dataset.from_tensor_slices((pixels[order], labels[order])).batch(BATCH)
    return strategy.experimental_distribute_dataset(dataset)


def training_step(strategy, model, optimizer):
    """A function of one distributed batch: it trains, and returns the mean loss over the whole batch.

    Keras' own `fit` does not take the batches of several workers; a loop of one's own does.
    """

    def on_worker(pixels, labels):
        with tf.GradientTape() as tape:
            losses = keras.losses.sparse_categorical_crossentropy(labels, model(pixels, training=True))
            loss = tf.reduce_sum(losses) / BATCH
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    @tf.function
    def step(batch):
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(on_worker, args=batch), axis=None)

    return step


def fit(strategy, model, data, checkpoints, *, epochs, is_chief):
    """Trains from the last epoch that ended, which the chief keeps in the folder `checkpoints`."""
    with strategy.scope():
        optimizer = keras.optimizers.Adam()
        optimizer.build(model.trainable_variables)
        epoch = tf.Variable(0, trainable=False, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, epoch=epoch)
    manager = tf.train.CheckpointManager(checkpoint, checkpoints, max_to_keep=2)
    manager.restore_or_initialize()
    begun, step = int(epoch.numpy()), training_step(strategy, model, optimizer)
    print(f"begins with epoch {begun + 1}", flush=True)
    for number in range(begun + 1, epochs + 1):
        started = time.monotonic()
        losses = [float(step(batch)) for batch in batches(strategy, *data, number)]
        epoch.assign(number)
        if is_chief:
            manager.save()
            told = {"loss": float(np.mean(losses))}
            train.report_epoch(number, step=number * len(losses), seconds=time.monotonic() - started, metrics=told)
            train.report_progress(epoch=number, epochs=epochs, step=number * len(losses), metrics=told)
            print(f"epoch {number}/{epochs} loss {told['loss']:.4f}", flush=True)


def main():
    config = json.loads(os.environ.get("TF_CONFIG", "{}"))
    is_chief = config.get("task", {}).get("index", 0) == 0
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    print(f"{strategy.num_replicas_in_sync} workers", flush=True)
    data = Path(os.environ["TFMODEL_INPUT_DIGITS"])
    keras.utils.set_random_seed(7)
    train_x = images(data / "train-images-idx3-ubyte.gz")
    train_y = read(data / "train-labels-idx1-ubyte.gz", LABELS_MAGIC, 1).astype(np.int32)
    test_x = images(data / "t10k-images-idx3-ubyte.gz")
    test_y = read(data / "t10k-labels-idx1-ubyte.gz", LABELS_MAGIC, 1).astype(np.int32)
    with strategy.scope():
        model = network(train_x.shape[1:])
    epochs = int(os.environ.get("TFMODEL_PARAM_EPOCHS", "12"))
    fit(strategy, model, (train_x, train_y), os.environ["TFMODEL_CHECKPOINT_DIR"], epochs=epochs, is_chief=is_chief)
    if not is_chief:
        return
    accuracy = float(np.mean(np.argmax(model(test_x), axis=1) == test_y))
    print(f"test accuracy {accuracy:.4f}", flush=True)
    export = Path(os.environ["TFMODEL_EXPORT_DIR"])
    export.mkdir(parents=True, exist_ok=True)
    model.save(export / "digits.keras")
    train.report_metrics({"accuracy": accuracy})


if __name__ == "__main__":
    main()
