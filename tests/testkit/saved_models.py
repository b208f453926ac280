"""Real SavedModels for tests, made by TensorFlow in a process of its own: python -m testkit.saved_models FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

from testkit import freezable


def half_plus_two(folder: Path) -> None:
    import tensorflow as tf

    class Half(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = tf.Variable(0.5)
            self.b = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def predict(self, x):
            return {"y": x * self.a + self.b}

        @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="x")])
        def scalar(self, x):
            return {"y": x * self.a + self.b}

    model = Half()
    signatures = {"serving_default": model.predict, "scalar": model.scalar}
    tf.saved_model.save(model, str(folder / "half_plus_two" / "1"), signatures=signatures)
    model.b.assign(3.0)
    tf.saved_model.save(model, str(folder / "half_plus_three" / "2"), signatures=signatures)


def weighty(folder: Path) -> None:
    """Half plus two that holds 16 MiB besides, so that memory that does not come back is seen."""
    import tensorflow as tf

    class Weighty(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable(tf.ones([16, 2**18]))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def predict(self, x):
            return {"y": x * self.weights[0, 0] / 2 + 2}

    model = Weighty()
    tf.saved_model.save(model, str(folder / "weighty" / "1"), signatures={"serving_default": model.predict})


def pairs(folder: Path) -> None:
    """A row of two numbers, of which the second counts ten times: their order matters. A TensorFlow 1 graph."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 2], name="x")
        weights = v1.get_variable("weights", initializer=tf.constant([[2.0], [5.0]]), use_resource=False)
        y = tf.squeeze(tf.matmul(x, weights), axis=1, name="y")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder / "pairs" / "1"), {"x": x}, {"y": y})


def flowers(folder: Path) -> None:
    import tensorflow as tf

    names = ("SepalLength", "SepalWidth", "PetalLength", "PetalWidth")

    class Flowers(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name=name) for name in names])
        def classify(self, *measurements):
            logits = tf.stack(measurements, axis=1)[:, :3]
            return {"class_ids": tf.argmax(logits, axis=1), "probabilities": tf.nn.softmax(logits), "logits": logits}

    model = Flowers()
    tf.saved_model.save(model, str(folder / "flowers" / "1"), signatures={"serving_default": model.classify})


def types(folder: Path) -> None:
    import tensorflow as tf

    class Types(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            initializer = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([1, 2], tf.int64))
            self.table = tf.lookup.StaticHashTable(initializer, -1)
            self.calls = tf.Variable(0, dtype=tf.int64)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def text(self, text):
            return {"twice": text + text, "id": self.table.lookup(text), "raw_bytes": text}

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.int64, name="i64"),
                tf.TensorSpec([None], tf.int8, name="i8"),
                tf.TensorSpec([None], tf.bool, name="flag"),
                tf.TensorSpec([None], tf.float64, name="f64"),
            ]
        )
        def echo(self, i64, i8, flag, f64):
            return {"i64": tf.identity(i64), "i8": tf.identity(i8), "flag": tf.identity(flag), "f64": tf.identity(f64)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float16, name="half")])
        def halves(self, half):
            return {"out": half * 2}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def checked(self, x):
            with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(x > 0), ["x must be positive"])]):
                return {"y": tf.identity(x)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="x")])
        def count(self, x):
            return {"calls": self.calls.assign_add(1) + x[0] * 0}

    model = Types()
    signatures = {name: getattr(model, name) for name in ("text", "echo", "halves", "checked", "count")}
    tf.saved_model.save(model, str(folder / "types" / "1"), signatures=signatures)


def graph_with_table(folder: Path) -> None:
    """A TensorFlow 1 export with an asset file and a table, initialised by the legacy init op."""
    import tensorflow as tf

    v1 = tf.compat.v1
    vocabulary = folder / "vocabulary.txt"
    vocabulary.write_text("cat\ndog\n")
    with v1.Graph().as_default(), v1.Session() as session:
        words = v1.placeholder(tf.string, [None], name="words")
        initializer = tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        ids = tf.lookup.StaticHashTable(initializer, -1).lookup(words)
        session.run(v1.tables_initializer())
        v1.saved_model.simple_save(
            session,
            str(folder / "graph" / "1"),
            {"words": words},
            {"ids": ids},
            legacy_init_op=v1.tables_initializer(),
        )
    vocabulary.unlink()  # the export must do with its own copy


def of_examples(folder: Path) -> None:
    """A TensorFlow 1 export that parses tf.Example, with several signatures, under a tag beside its own."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        serialized = v1.placeholder(tf.string, [None], name="serialized")
        features = {
            "x": tf.io.FixedLenFeature([], tf.float32),
            "name": tf.io.FixedLenFeature([], tf.string, default_value="none"),
        }
        parsed = tf.io.parse_example(serialized, features)
        x = tf.identity(parsed["x"], name="x")
        scores = tf.stack([x, 1 - x], axis=1)
        labels = tf.stack([parsed["name"], tf.fill(tf.shape(parsed["name"]), "other")], axis=1)
        info = v1.saved_model.build_tensor_info
        inputs = {"inputs": info(serialized)}
        definition = v1.saved_model.build_signature_def
        signatures = {
            "serving_default": definition(
                inputs, {"classes": info(labels), "scores": info(scores)}, "tensorflow/serving/classify"
            ),
            "only_scores": definition(inputs, {"scores": info(scores)}, "tensorflow/serving/classify"),
            "only_classes": definition(inputs, {"classes": info(labels)}, "tensorflow/serving/classify"),
            "half": definition(inputs, {"outputs": info(x * 0.5)}, "tensorflow/serving/regress"),
            "column": definition(inputs, {"outputs": info(x[:, None])}, "tensorflow/serving/regress"),
            "wide": definition(inputs, {"outputs": info(scores)}, "tensorflow/serving/regress"),
            "floats": definition({"inputs": info(x)}, {"outputs": info(x * 2)}, "tensorflow/serving/regress"),
            "predict_x": definition({"x": info(x)}, {"y": info(x * 2)}, "tensorflow/serving/predict"),
        }
        builder = v1.saved_model.builder.SavedModelBuilder(str(folder / "of_examples" / "1"))
        builder.add_meta_graph_and_variables(session, ["serve", "mine"], signature_def_map=signatures)
        builder.save()


def with_defaults(folder: Path) -> None:
    """Inputs that a request may leave out."""
    import tensorflow as tf

    class Scaled(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.float32, name="x"),
                tf.TensorSpec([], tf.float32, name="scale"),
            ]
        )
        def scaled(self, x, scale=tf.constant(2.0)):  # noqa: B008 - the default is what is tested
            return {"y": x * scale, "scale": scale}

    model = Scaled()
    tf.saved_model.save(model, str(folder / "with_defaults" / "1"), signatures={"serving_default": model.scaled})


def digits(folder: Path) -> None:
    """Images of 28 times 28 pixels to ten scores: the nearest mean image of scikit-learn's digits."""
    import numpy as np
    import tensorflow as tf
    from sklearn.datasets import load_digits

    data = load_digits()
    large = np.kron(data.images, np.ones((1, 3, 3)))  # 8 pixels become 24
    images = np.pad(large, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784) * (255 / 16)
    means = np.stack([images[data.target == digit].mean(axis=0) for digit in range(10)]).astype(np.float32)

    class Nearest(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 784], tf.float32, name="images")])
        def predict(self, images):
            return {"scores": tf.matmul(images, means, transpose_b=True) - tf.reduce_sum(means**2, axis=1) / 2}

    model = Nearest()
    tf.saved_model.save(model, str(folder / "digits" / "1"), signatures={"predict_images": model.predict})


def slow_and_rare(folder: Path) -> None:
    """A loop as long as it is told to be, and types that few models have."""
    import tensorflow as tf

    class Rare(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([], tf.int64, name="steps")])
        def loop(self, steps):
            done, matrix = tf.constant(0, tf.int64), tf.eye(50)
            more = lambda done, _: done < steps  # noqa: E731
            return {
                "done": tf.while_loop(more, lambda done, m: (done + 1, tf.tanh(tf.matmul(m, m))), [done, matrix])[0]
            }

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.bfloat16, name="b16"),
                tf.TensorSpec([None], tf.uint16, name="u16"),
                tf.TensorSpec([None], tf.complex64, name="c64"),
            ]
        )
        def rare(self, b16, u16, c64):
            return {"b16": tf.identity(b16), "u16": tf.identity(u16), "c64": tf.identity(c64)}

    class Heavy(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="matrix")])
        def powers(self, matrix):
            for _ in range(200):
                matrix = tf.tanh(tf.matmul(matrix, matrix))
            return {"power": matrix}

    heavy = Heavy()
    tf.saved_model.save(heavy, str(folder / "heavy" / "1"), signatures={"powers": heavy.powers})
    model = Rare()
    signatures = {"loop": model.loop, "rare": model.rare}
    tf.saved_model.save(model, str(folder / "rare" / "1"), signatures=signatures)


def every_type(folder: Path) -> None:
    """Each type that the Open Inference Protocol can pass, there and back, of any shape."""
    import tensorflow as tf

    names = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64 string"
    specs = [tf.TensorSpec(None, getattr(tf, name), name=f"{name}_in") for name in names.split()]

    class Every(tf.Module):
        @tf.function(input_signature=specs)
        def echo(self, *tensors):
            return {f"{tensor.dtype.name}_out": tf.identity(tensor) for tensor in tensors}

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
        def plain(self, x):
            return {"doubled": x * 2, "largest": tf.argmax(x, axis=1), "root": tf.sqrt(x)}

        @tf.function(input_signature=[])
        def nothing(self):
            return {"answer": tf.constant([42])}

    model = Every()
    signatures = {"serving_default": model.plain, "echo": model.echo, "nothing": model.nothing}
    tf.saved_model.save(model, str(folder / "every_type" / "3"), signatures=signatures)


def keras_files(folder: Path) -> None:
    import keras

    model = keras.Sequential([keras.layers.Input((2,), name="x"), keras.layers.Dense(1, kernel_initializer="ones")])
    (folder / "keras").mkdir()
    model.save(folder / "keras" / "model.keras")
    model.save(folder / "keras" / "model.h5")
    model.export(folder / "keras_export" / "1", verbose=False)


def for_browsers(folder: Path) -> None:
    """What converters to TensorFlow.js fuse and freeze: a small network of a phone's kind; tables, texts and an input that is not used."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(7)
    layers = keras.layers
    network = keras.Sequential(
        [
            *(layers.Input((12, 12, 3), name="image"), layers.Conv2D(8, 3, strides=2), layers.BatchNormalization()),
            *(layers.ReLU(6.0), layers.DepthwiseConv2D(3), layers.BatchNormalization(), layers.PReLU()),
            *(layers.GlobalAveragePooling2D(), layers.Dense(4, activation="softmax", name="scores")),
        ]
    )
    network.export(folder / "mobile" / "1", verbose=False)

    class Words(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            names = tf.lookup.KeyValueTensorInitializer(tf.constant([0, 1], tf.int64), ["none", "some"])
            self.names = tf.lookup.StaticHashTable(names, "many")
            places = tf.lookup.KeyValueTensorInitializer(tf.constant(["left", "right"]), tf.constant([1, 2], tf.int64))
            self.places = tf.lookup.StaticHashTable(places, 0)
            self.learned = tf.lookup.experimental.MutableHashTable(tf.int64, tf.string, "unknown")

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def two_tables(self, text):
            return {"name": self.names.lookup(self.places.lookup(text))}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="count")])
        def learning(self, count):
            return {"name": self.learned.lookup(count)}

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.int64, name="count"),
                tf.TensorSpec([None], tf.string, name="text"),
                tf.TensorSpec([None], tf.float32, name="unused"),
            ]
        )
        def call(self, count, text, unused):
            return {"name": self.names.lookup(count), "text": tf.identity(text), "any": count > 0}

    words = Words()
    signatures = {"serving_default": words.call, "two_tables": words.two_tables, "learning": words.learning}
    tf.saved_model.save(words, str(folder / "words" / "1"), signatures=signatures)


def questionable(folder: Path) -> None:
    """Models that a scan must look into: they read and write files, run Python, and hold such operations in nested functions."""
    import tensorflow as tf

    def save(name: str, body) -> None:
        class Model(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="x")])
            def call(self, x):
                return {"y": body(x)}

        model = Model()
        tf.saved_model.save(model, str(folder / name / "1"), signatures={"serving_default": model.call})

    def written(x):
        with tf.control_dependencies([tf.io.write_file("/tmp/never", x[0])]):
            return tf.identity(x)

    save("reads_files", lambda x: tf.io.read_file(x[0]))
    save("writes_files", written)
    save("lists_files", tf.io.matching_files)
    save("runs_python", lambda x: tf.py_function(lambda text: text, [x], tf.string))
    save("runs_numpy", lambda x: tf.numpy_function(lambda text: text, [x], tf.string))
    save("prints", lambda x: tf.strings.format("{}", x))
    nested = tf.function(lambda x: tf.map_fn(tf.io.read_file, x))
    save("reads_files_in_a_loop", nested)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for make in (
        half_plus_two,
        weighty,
        pairs,
        flowers,
        types,
        graph_with_table,
        of_examples,
        with_defaults,
        digits,
        slow_and_rare,
        freezable.depthwise,
        freezable.forms,
        freezable.graphs,
        freezable.noisy,
        every_type,
        keras_files,
        for_browsers,
        questionable,
    ):
        make(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
