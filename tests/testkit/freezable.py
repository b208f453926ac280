"""SavedModels with variables, in each form that variables are used in, and one whose answers are drawn."""

from __future__ import annotations

from pathlib import Path


def forms(folder: Path) -> None:
    """`forms` has a signature for each way to read a variable; `deep` reads many, and `deep_other` has another value in one."""
    import tensorflow as tf

    vector = tf.TensorSpec([None, 4], tf.float32, name="x")

    class Forms(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            random = tf.random.Generator.from_seed(3)
            self.w = tf.Variable(random.normal([4, 4]))
            self.layers = [tf.Variable(random.normal([4, 4])) for _ in range(40)]
            self.table = tf.Variable(random.normal([7, 4]))
            self.scale = tf.Variable(tf.cast(1.5, tf.bfloat16))

        @tf.function(input_signature=[vector])
        def plain(self, x):
            for layer in self.layers:
                x = tf.tanh(tf.matmul(x, layer) + self.w[0])
            return {"y": x}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="ids")])
        def gathered(self, ids):
            rows = tf.nn.embedding_lookup(self.table, ids) * tf.cast(self.scale, tf.float32)
            return {"rows": rows, "deep": tf.gather_nd(self.table, ids[:, None]), "shape": tf.shape(self.table)}

        @tf.function(input_signature=[vector])
        def branched(self, x):
            branches = [lambda: tf.matmul(x, self.w), lambda: x * self.w[1]]
            cases = tf.switch_case(tf.shape(x)[0] % 2, branches)
            return {"positive": tf.cond(tf.reduce_sum(x) > 0, *branches), "cases": cases}

        @tf.function(input_signature=[vector])
        def looped(self, x):
            body = lambda count, state: (count + 1, tf.tanh(tf.matmul(state, self.w)))  # noqa: E731
            return {"y": tf.while_loop(lambda count, _: count < 3, body, [0, x])[1]}

        @tf.function(input_signature=[vector])
        def asserted(self, x):
            tf.debugging.assert_less(x, 100.0)
            return {"y": tf.matmul(x, self.w)}

    model = Forms()
    signatures = {name: getattr(model, name) for name in ("plain", "gathered", "branched", "looped", "asserted")}
    tf.saved_model.save(model, str(folder / "forms" / "1"), signatures=signatures)
    tf.saved_model.save(model, str(folder / "deep" / "1"), signatures={"serving_default": model.plain})
    model.w.assign(model.w * 2)
    tf.saved_model.save(model, str(folder / "deep_other" / "1"), signatures={"serving_default": model.plain})


def noisy(folder: Path) -> None:
    import tensorflow as tf

    class Noisy(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
        def predict(self, x):
            return {"y": x + tf.random.normal([4])}

    model = Noisy()
    tf.saved_model.save(model, str(folder / "noisy" / "1"), signatures={"serving_default": model.predict})


def graphs(folder: Path) -> None:
    """Variables as TensorFlow 1 has them, of both kinds."""
    import tensorflow as tf

    v1 = tf.compat.v1
    for name, is_resource in (("references", False), ("resources", True)):
        with v1.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, [None, 4], name="x")
            w = v1.get_variable("w", initializer=tf.reshape(tf.range(16.0), [4, 4]), use_resource=is_resource)
            y = tf.matmul(x, w)
            session.run(v1.global_variables_initializer())
            v1.saved_model.simple_save(session, str(folder / name / "1"), {"x": x}, {"y": y})


def depthwise(folder: Path) -> None:
    """Depthwise convolutions with a scale behind them: `scaled` for each channel, `kept` in ways that are no part of the weights."""
    import tensorflow as tf

    image = tf.TensorSpec([None, 6, 6, 3], tf.float32, name="x")
    random = tf.random.Generator.from_seed(5)

    class Scaled(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(random.normal([3, 3, 3, 2]))
            self.variance = tf.Variable(random.uniform([6], 0.5, 2.0))
            self.gamma = tf.Variable(random.normal([6]))
            self.beta = tf.Variable(random.normal([6]))
            self.one = tf.Variable(1.5)

        def convolved(self, x):
            return tf.nn.depthwise_conv2d(x, self.kernel, [1, 1, 1, 1], "SAME")

        @tf.function(input_signature=[image])
        def scaled(self, x):
            scale = self.gamma * tf.math.rsqrt(self.variance + 1e-3)
            return {"y": tf.nn.relu6(self.convolved(x) * scale + (self.beta - 0.5 * scale))}

        @tf.function(input_signature=[image])
        def kept(self, x):
            twice = self.convolved(x)
            return {
                "by one": self.convolved(x) * self.one,
                "by what came": self.convolved(x) * tf.concat([x[0, 0, 0], x[0, 0, 1]], 0),
                "used twice": twice * self.gamma + twice,
            }

    model = Scaled()
    signatures = {"serving_default": model.scaled, "kept": model.kept}
    tf.saved_model.save(model, str(folder / "depthwise" / "1"), signatures=signatures)
    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 6, 6, 3], name="x")
        kernel = v1.get_variable("kernel", initializer=tf.random.normal([3, 3, 3, 1], seed=1))
        scale = v1.get_variable("scale", initializer=tf.constant([0.5, -2.0, 3.0]))
        y = tf.multiply(scale, tf.nn.depthwise_conv2d(x, kernel, [1, 2, 2, 1], "VALID"), name="y")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder / "depthwise_graph" / "1"), {"x": x}, {"y": y})
