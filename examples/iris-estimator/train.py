"""The three-layer network on Iris in each form that a TensorFlow model can be saved in, all from one training in a session.

What was an Estimator's work is written out: features by name, hidden layers, Adagrad, evaluation metrics, a log line every n steps.
Left in $TFMODEL_LOG_DIR/forms: raw_export_dir/<time> (four named numbers a flower), parsing_export_dir/<time> (serialized
tf.Examples), my_savedmodel/<time> (one vector; own tag and signature), my_simple_save/<time>, ckpt/iris (.meta, .index, .data) and
frozen/iris.pb. The one that the parameter `form` names goes to $TFMODEL_EXPORT_DIR, to be served.
"""

import csv
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
tf.disable_resource_variables()  # so that dense_2/bias:0 is what a session reads by this name, not a handle to it

FEATURES = ("SepalLength", "SepalWidth", "PetalLength", "PetalWidth")
COLUMNS = ("PetalLength", "PetalWidth", "SepalLength", "SepalWidth")
"""The order in which the network sees the features: that of their names, as feature columns had it."""
SPECIES = 3
OUTPUT_NODE = "output/predict_result/predicted_classes"


def read(file):
    """Features by name, float32 [count], and labels, int64 [count], of an Iris CSV."""
    with file.open() as opened:
        _count, *rows = csv.reader(opened)
    for number, row in enumerate(rows, start=2):
        if len(row) != 5 or not all(_is_number(value) for value in row):
            raise ValueError(f"{file}:{number}: expected four measurements and a class, got {','.join(row)}")
    table = np.array(rows, np.float32)
    return {name: table[:, i] for i, name in enumerate(FEATURES)}, table[:, -1].astype(np.int64)


def _is_number(text):
    return text.replace(".", "", 1).isdigit()


def network(features, hidden_units):
    """Logits for features [count, 4]."""
    net = features
    for number, units in enumerate(hidden_units):
        net = tf.nn.relu(dense(net, units, f"dense_{number}"))
    return dense(net, SPECIES, f"dense_{len(hidden_units)}")


def dense(inputs, units, name):
    """A fully connected layer with variables <name>/kernel and <name>/bias."""
    with tf.variable_scope(name):
        size = int(inputs.shape[1])
        kernel = tf.get_variable("kernel", [size, units], initializer=tf.glorot_uniform_initializer(seed=7))
        return tf.matmul(inputs, kernel) + tf.get_variable("bias", [units], initializer=tf.zeros_initializer())


def build(hidden_units):
    """The graph: the tensors that the forms need, by name."""
    input_features = tf.placeholder(tf.float32, [None, len(COLUMNS)], name="input_features")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    logits = network(input_features, hidden_units)
    with tf.name_scope("output/predict_result/"):
        predicted_classes = tf.argmax(logits, 1, name="predicted_classes")
        probabilities = tf.nn.softmax(logits, name="probabilities")
    loss = tf.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)
    global_step = tf.train.get_or_create_global_step()
    train_op = tf.train.AdagradOptimizer(learning_rate=0.1).minimize(loss, global_step=global_step)
    accuracy = tf.reduce_mean(tf.cast(tf.equal(predicted_classes, labels), tf.float32), name="accuracy")
    outputs = {"class_ids": predicted_classes[:, tf.newaxis], "logits": logits, "probabilities": probabilities}
    return (
        input_features,
        labels,
        outputs,
        {"train_op": train_op, "global_step": global_step, "acc": accuracy, "loss": loss},
    )


def vector(features):
    """Features by name as the rows that the network takes."""
    return np.stack([features[name] for name in COLUMNS], axis=1)


def fit(sess, data, tensors, *, steps, every_n_steps, batch_size=100):
    """Trains, and logs step, accuracy and loss every n steps."""
    (features, labels), (input_features, labels_in, _outputs, ops) = data, tensors
    rows, random = vector(features), np.random.default_rng(7)
    for _ in range(steps):
        chosen = random.integers(0, len(rows), batch_size)
        feed = {input_features: rows[chosen], labels_in: labels[chosen]}
        told = sess.run(ops, feed)
        if told["global_step"] % every_n_steps == 0:
            print(
                f"global_step = {told['global_step']}, acc = {told['acc']:.4f}, loss = {told['loss']:.5f}", flush=True
            )


def export_raw(folder, checkpoint, hidden_units):
    """Four named numbers a flower, as an Estimator with a raw serving input receiver."""

    def named():
        return {name: tf.placeholder(tf.float32, [None], name=name) for name in FEATURES}

    serve_again(folder, checkpoint, hidden_units, lambda: (inputs := named(), inputs))


def export_parsing(folder, checkpoint, hidden_units):
    """Serialized tf.Examples, as an Estimator with a parsing serving input receiver."""

    def parsed():
        examples = tf.placeholder(tf.string, [None], name="input_example_tensor")
        spec = {name: tf.FixedLenFeature([1], tf.float32) for name in FEATURES}
        features = {name: column[:, 0] for name, column in tf.parse_example(examples, spec).items()}
        return {"examples": examples}, features

    serve_again(folder, checkpoint, hidden_units, parsed)


def serve_again(folder, checkpoint, hidden_units, receive):
    """The network behind other inputs, with the variables of the checkpoint. `receive` makes inputs and features by name."""
    with tf.Graph().as_default(), tf.Session() as sess:
        inputs, features = receive()
        logits = network(tf.stack([features[name] for name in COLUMNS], axis=1), hidden_units)
        outputs = {
            "class_ids": tf.argmax(logits, 1)[:, tf.newaxis],
            "logits": logits,
            "probabilities": tf.nn.softmax(logits),
        }
        tf.train.Saver().restore(sess, checkpoint)
        tf.saved_model.simple_save(sess, str(folder), inputs=inputs, outputs=outputs)


def export_builder(folder, sess, inputs, outputs, tag, key_my_signature):
    """One vector, under a tag and a signature key of one's own."""
    info = tf.saved_model.utils.build_tensor_info
    my_signature = tf.saved_model.signature_def_utils.build_signature_def(
        {name: info(tensor) for name, tensor in inputs.items()},
        {name: info(tensor) for name, tensor in outputs.items()},
        tf.saved_model.signature_constants.PREDICT_METHOD_NAME,
    )
    builder = tf.saved_model.builder.SavedModelBuilder(str(folder))
    builder.add_meta_graph_and_variables(sess, [tag], {key_my_signature: my_signature})
    builder.save()


def freeze(file, checkpoint):
    """The checkpoint's graph with its variables as constants, and only what the classes need."""
    with tf.Graph().as_default() as graph, tf.Session() as sess:
        saver = tf.train.import_meta_graph(f"{checkpoint}.meta", clear_devices=True)
        input_graph_def = graph.as_graph_def()
        saver.restore(sess, checkpoint)
        output_graph_def = tf.graph_util.convert_variables_to_constants(sess, input_graph_def, [OUTPUT_NODE])
    print(f"{len(input_graph_def.node)} ops in the input_graph_def.")
    print(f"{len(output_graph_def.node)} ops in the output_graph_def.", flush=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(output_graph_def.SerializeToString())


def main():
    data = Path(os.environ["TFMODEL_INPUT_IRIS"])
    hidden_units = [int(units) for units in os.environ.get("TFMODEL_PARAM_HIDDEN_UNITS", "10,10,10").split(",")]
    forms = Path(os.environ["TFMODEL_LOG_DIR"]) / "forms"
    shutil.rmtree(forms, ignore_errors=True)
    version = str(int(time.time()))
    tf.set_random_seed(7)
    tensors = build(hidden_units)
    input_features, labels_in, outputs, ops = tensors
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for variable in tf.trainable_variables():
            print(f"name = {variable.name}, shape = {variable.shape}", flush=True)
        steps = int(os.environ.get("TFMODEL_PARAM_STEPS", "1000"))
        fit(sess, read(data / "iris_training.csv"), tensors, steps=steps, every_n_steps=100)
        features, labels = read(data / "iris_test.csv")
        told = sess.run([ops["acc"], ops["loss"]], {input_features: vector(features), labels_in: labels})
        print(f"Test set accuracy: {told[0]:0.3f}", flush=True)
        (forms / "ckpt").mkdir(parents=True)
        checkpoint = tf.train.Saver().save(sess, str(forms / "ckpt" / "iris"))
        inputs = {"examples": input_features}
        export_builder(forms / "my_savedmodel" / version, sess, inputs, outputs, "MODEL_SERVING", "my_signature")
        tf.saved_model.simple_save(sess, str(forms / "my_simple_save" / version), inputs=inputs, outputs=outputs)
    export_raw(forms / "raw_export_dir" / version, checkpoint, hidden_units)
    export_parsing(forms / "parsing_export_dir" / version, checkpoint, hidden_units)
    freeze(forms / "frozen" / "iris.pb", checkpoint)
    form = os.environ.get("TFMODEL_PARAM_FORM", "raw_export_dir")
    shutil.copytree(forms / form, Path(os.environ["TFMODEL_EXPORT_DIR"]) / form)
    metrics = {"accuracy": float(told[0]), "loss": float(told[1])}
    Path(os.environ["TFMODEL_METRICS_FILE"]).write_text(json.dumps(metrics))


if __name__ == "__main__":
    main()
