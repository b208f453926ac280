"""Frozen graphs and checkpoints of TensorFlow 1, and Keras files with code: python -m testkit.graphs FOLDER."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def make(folder: Path) -> None:
    """One model as a checkpoint with its graph and as a frozen graph, with what it answers in answers.json."""
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    v1 = tf.compat.v1
    with v1.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        words = v1.placeholder(tf.string, [None], name="words")
        image = v1.placeholder(tf.float32, [None, 3], name="image")
        weights = v1.get_variable("weights", initializer=[[0.5, 1.0], [2.0, -1.0], [3.0, 0.25]])
        scores = tf.nn.softmax(tf.matmul(image, weights), name="scores")
        keys = tf.lookup.KeyValueTensorInitializer(["cat", "dog"], tf.constant([7, 8], tf.int64))
        tf.identity(tf.lookup.StaticHashTable(keys, -1).lookup(words), name="ids")
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        fed = [[1.0, 2.0, 3.0], [0.5, 0.25, -1.0]]
        answer = session.run(scores, {image: fed}).tolist()
        for step in (9, 10):
            v1.train.Saver().save(session, str(folder / "checkpoint" / "model.ckpt"), global_step=step)
        frozen = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["scores"])
        (folder / "frozen").mkdir()
        (folder / "frozen" / "model.pb").write_bytes(frozen.SerializeToString())
    with v1.Graph().as_default() as graph:
        tf.io.read_file("/etc/hostname", name="read")
        (folder / "reading").mkdir()
        (folder / "reading" / "model.pb").write_bytes(graph.as_graph_def().SerializeToString())
    (folder / "answers.json").write_text(json.dumps({"fed": fed, "scores": answer}))


def with_code(folder: Path) -> None:
    """Keras files with a Lambda layer."""
    import keras

    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Lambda(lambda x: x)])
    folder.mkdir()
    for ending in ("keras", "h5"):
        model.save(folder / f"lambda.{ending}")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
    with_code(Path(sys.argv[1]) / "with_code")
