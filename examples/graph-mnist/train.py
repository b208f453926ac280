"""Softmax regression on MNIST's four idx-gz files, as a graph in a session, exported with SavedModelBuilder.

The input is a serialized tf.Example with the feature `x`; the signature `predict_images` takes the parsed pixels as `images` and
answers with `scores`. The table of class names is initialised by the legacy init op.
"""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049
PIXELS, CLASSES = 784, 10


def _read32(bytestream):
    return int(np.frombuffer(bytestream.read(4), np.dtype(np.uint32).newbyteorder(">"))[0])


def extract_images(filename):
    """Images uint8 [index, y, x, depth] of an idx-gz file."""
    with gzip.open(filename) as bytestream:
        magic = _read32(bytestream)
        if magic != IMAGES_MAGIC:
            raise ValueError(f"{filename}: expected magic number {IMAGES_MAGIC} of MNIST images, got {magic}")
        count, rows, columns = (_read32(bytestream) for _ in range(3))
        return np.frombuffer(bytestream.read(rows * columns * count), np.uint8).reshape(count, rows, columns, 1)


def dense_to_one_hot(labels, classes=CLASSES):
    """Labels as rows with a 1 at the label's place, float [index, classes]."""
    return np.eye(classes)[labels]


def extract_labels(filename):
    """Labels of an idx-gz file, one-hot."""
    with gzip.open(filename) as bytestream:
        magic = _read32(bytestream)
        if magic != LABELS_MAGIC:
            raise ValueError(f"{filename}: expected magic number {LABELS_MAGIC} of MNIST labels, got {magic}")
        return dense_to_one_hot(np.frombuffer(bytestream.read(_read32(bytestream)), np.uint8))


class DataSet:
    """Images as rows of pixels between 0 and 1, their labels, and batches of both in an order that changes each epoch."""

    def __init__(self, images, labels, seed=7):
        self.images = images.reshape(len(images), -1).astype(np.float32) / 255
        self.labels = labels
        self._random = np.random.default_rng(seed)
        self._index_in_epoch = 0

    def next_batch(self, batch_size):
        """The next `batch_size` images and labels."""
        if self._index_in_epoch + batch_size > len(self.images):
            order = self._random.permutation(len(self.images))
            self.images, self.labels = self.images[order], self.labels[order]
            self._index_in_epoch = 0
        start = self._index_in_epoch
        self._index_in_epoch += batch_size
        return self.images[start : self._index_in_epoch], self.labels[start : self._index_in_epoch]


def read_data_sets(folder):
    """Training and test set."""
    train = DataSet(extract_images(folder / TRAIN_IMAGES), extract_labels(folder / TRAIN_LABELS))
    test = DataSet(extract_images(folder / TEST_IMAGES), extract_labels(folder / TEST_LABELS))
    return train, test


def main():
    training_iteration = int(os.environ.get("TFMODEL_PARAM_TRAINING_ITERATION", "1000"))
    export_path = str(Path(os.environ["TFMODEL_EXPORT_DIR"]) / "model")
    train, test = read_data_sets(Path(os.environ["TFMODEL_INPUT_MNIST"]))
    print("Training model...", flush=True)
    sess = tf.InteractiveSession()
    serialized_tf_example = tf.placeholder(tf.string, name="tf_example")
    feature_configs = {"x": tf.FixedLenFeature(shape=[PIXELS], dtype=tf.float32)}
    tf_example = tf.parse_example(serialized_tf_example, feature_configs)
    x = tf.identity(tf_example["x"], name="x")
    y_ = tf.placeholder("float", shape=[None, CLASSES])
    w = tf.Variable(tf.zeros([PIXELS, CLASSES]))
    b = tf.Variable(tf.zeros([CLASSES]))
    sess.run(tf.global_variables_initializer())
    logits = tf.matmul(x, w) + b
    y = tf.nn.softmax(logits, name="y")
    # from logits: the logarithm of a probability that underflows to 0 would end the training with NaN
    cross_entropy = tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(labels=y_, logits=logits))
    train_step = tf.train.GradientDescentOptimizer(0.01).minimize(cross_entropy)
    _values, indices = tf.nn.top_k(y, CLASSES)
    mapping = tf.constant([str(i) for i in range(CLASSES)])
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.range(CLASSES, dtype=tf.int64), mapping), ""
    )
    table.lookup(tf.cast(indices, tf.int64), name="prediction_classes")
    for _ in range(training_iteration):
        batch = train.next_batch(50)
        train_step.run(feed_dict={x: batch[0], y_: batch[1]})
    correct_prediction = tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1))
    accuracy = tf.reduce_mean(tf.cast(correct_prediction, "float"))
    reached = float(sess.run(accuracy, feed_dict={x: test.images, y_: test.labels}))
    print(f"training accuracy {reached:g}", flush=True)

    print("Exporting trained model to", export_path, flush=True)
    builder = tf.saved_model.builder.SavedModelBuilder(export_path)
    prediction_signature = tf.saved_model.signature_def_utils.build_signature_def(
        inputs={"images": tf.saved_model.utils.build_tensor_info(x)},
        outputs={"scores": tf.saved_model.utils.build_tensor_info(y)},
        method_name=tf.saved_model.signature_constants.PREDICT_METHOD_NAME,
    )
    builder.add_meta_graph_and_variables(
        sess,
        [tf.saved_model.tag_constants.SERVING],
        signature_def_map={"predict_images": prediction_signature},
        main_op=tf.group(tf.tables_initializer(), name="legacy_init_op"),
    )
    builder.save()
    Path(os.environ["TFMODEL_METRICS_FILE"]).write_text(json.dumps({"accuracy": reached}))
    print("Done exporting!", flush=True)


if __name__ == "__main__":
    main()
