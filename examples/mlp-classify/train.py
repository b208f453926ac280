"""A perceptron of n layers on MNIST, as a graph in a session, served for classification.

`serving_default` classifies serialized tf.Examples (`inputs` to `classes` and `scores`), `predict_images` takes pixels (`inputs` to
`outputs`). The model is left as models_root/mnist/1.
"""

import gzip
import json
import os
import struct
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

MODEL_NAME, MODEL_VERSION = "mnist", "1"
NUM_INPUTS, NUM_OUTPUTS = 784, 10
constants = tf.saved_model.signature_constants


def read_data_sets(folder):
    """Pixels between 0 and 1 and one-hot labels: of the training set, of the test set."""

    def images(name):
        with gzip.open(folder / name) as data:
            _magic, count, _rows, _columns = struct.unpack(">4I", data.read(16))
            return np.frombuffer(data.read(), np.uint8).reshape(count, -1).astype(np.float32) / 255

    def labels(name):
        with gzip.open(folder / name) as data:
            data.read(8)
            return np.eye(NUM_OUTPUTS, dtype=np.float32)[np.frombuffer(data.read(), np.uint8)]

    return (
        (images("train-images-idx3-ubyte.gz"), labels("train-labels-idx1-ubyte.gz")),
        (images("t10k-images-idx3-ubyte.gz"), labels("t10k-labels-idx1-ubyte.gz")),
    )


def mlp(x, num_inputs, num_outputs, num_layers, num_neurons):
    """Logits and probabilities of a perceptron with `num_layers` hidden layers."""
    sizes = [num_inputs, *num_neurons[:num_layers]]
    layer = x
    for i in range(num_layers):
        w = tf.Variable(tf.random_normal([sizes[i], sizes[i + 1]], stddev=sizes[i] ** -0.5), name=f"w_{i:04d}")
        b = tf.Variable(tf.zeros([sizes[i + 1]]), name=f"b_{i:04d}")
        layer = tf.nn.relu(tf.matmul(layer, w) + b)
    w_out = tf.Variable(tf.random_normal([sizes[-1], num_outputs], stddev=sizes[-1] ** -0.5), name="w_out")
    b_out = tf.Variable(tf.zeros([num_outputs]), name="b_out")
    model = tf.matmul(layer, w_out) + b_out
    return model, tf.nn.softmax(model)


def signatures(serialized_tf_example, prediction_classes, values, x_p, probs):
    """Both signatures, by name."""
    info = tf.saved_model.utils.build_tensor_info
    build = tf.saved_model.signature_def_utils.build_signature_def
    classification_signature = build(
        inputs={constants.CLASSIFY_INPUTS: info(serialized_tf_example)},
        outputs={
            constants.CLASSIFY_OUTPUT_CLASSES: info(prediction_classes),
            constants.CLASSIFY_OUTPUT_SCORES: info(values),
        },
        method_name=constants.CLASSIFY_METHOD_NAME,
    )
    prediction_signature = build(
        inputs={"inputs": info(x_p)}, outputs={"outputs": info(probs)}, method_name=constants.PREDICT_METHOD_NAME
    )
    return {
        "predict_images": prediction_signature,
        constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY: classification_signature,
    }


def train_model(tfs, ops, placeholders, data, *, n_epochs, batch_size=100):
    """Trains on batches in an order that changes each epoch, and prints each epoch's mean loss."""
    (train_op, loss), (x_p, y_p), (x_train, y_train) = ops, placeholders, data
    n_batches = len(x_train) // batch_size
    for epoch in range(n_epochs):
        order = np.random.default_rng(epoch).permutation(len(x_train))
        epoch_loss = 0.0
        for batch in range(n_batches):
            rows = order[batch * batch_size : (batch + 1) * batch_size]
            _, batch_loss = tfs.run([train_op, loss], feed_dict={x_p: x_train[rows], y_p: y_train[rows]})
            epoch_loss += batch_loss
        print(f"epoch: {epoch:04d}   loss = {epoch_loss / n_batches:0.6f}", flush=True)


def main():
    model_dir = str(Path(os.environ["TFMODEL_EXPORT_DIR"]) / "models_root" / MODEL_NAME / MODEL_VERSION)
    num_layers = int(os.environ.get("TFMODEL_PARAM_NUM_LAYERS", "2"))
    n_epochs = int(os.environ.get("TFMODEL_PARAM_EPOCHS", "50"))
    learning_rate = float(os.environ.get("TFMODEL_PARAM_LEARNING_RATE", "0.01"))
    (x_train, y_train), (x_test, y_test) = read_data_sets(Path(os.environ["TFMODEL_INPUT_MNIST"]))
    tf.set_random_seed(7)

    serialized_tf_example = tf.placeholder(tf.string, name="tf_example")
    feature_configs = {"x": tf.FixedLenFeature(shape=[NUM_INPUTS], dtype=tf.float32)}
    tf_example = tf.parse_example(serialized_tf_example, feature_configs)
    x_p = tf.identity(tf_example["x"], name="x_p")
    y_p = tf.placeholder(dtype=tf.float32, name="y_p", shape=[None, NUM_OUTPUTS])

    model, probs = mlp(x_p, NUM_INPUTS, NUM_OUTPUTS, num_layers, [256] * num_layers)
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(logits=model, labels=y_p))
    train_op = tf.train.GradientDescentOptimizer(learning_rate).minimize(loss)
    pred_check = tf.equal(tf.argmax(probs, 1), tf.argmax(y_p, 1))
    accuracy_op = tf.reduce_mean(tf.cast(pred_check, tf.float32))

    values, indices = tf.nn.top_k(probs, NUM_OUTPUTS)
    names = tf.constant([str(i) for i in range(NUM_OUTPUTS)])
    keys = tf.range(NUM_OUTPUTS, dtype=tf.int64)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, names), "")
    prediction_classes = table.lookup(tf.cast(indices, tf.int64))

    with tf.Session() as tfs:
        tfs.run(tf.global_variables_initializer())
        train_model(tfs, (train_op, loss), (x_p, y_p), (x_train, y_train), n_epochs=n_epochs)
        accuracy_score = float(tfs.run(accuracy_op, feed_dict={x_p: x_test, y_p: y_test}))
        print(f"accuracy={accuracy_score:.8f}", flush=True)
        builder = tf.saved_model.builder.SavedModelBuilder(model_dir)
        builder.add_meta_graph_and_variables(
            tfs,
            [tf.saved_model.tag_constants.SERVING],
            signature_def_map=signatures(serialized_tf_example, prediction_classes, values, x_p, probs),
            main_op=tf.group(tf.tables_initializer(), name="legacy_init_op"),
        )
        builder.save()
    Path(os.environ["TFMODEL_METRICS_FILE"]).write_text(json.dumps({"accuracy": accuracy_score}))


if __name__ == "__main__":
    main()
