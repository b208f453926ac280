"""The model as a good user of TensorFlow's Python API would call it in these servers, shared by all adapters.

A session's callable, run in the caller's thread, is the fastest way that TensorFlow's Python package has: an order of magnitude
faster for small models than `loaded.signatures[...]`, which most examples show. One thread inside an op, as small models want it.
"""

from __future__ import annotations

import os
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    """A function of the model: float32 (rows, ...) to float32 (rows, classes). Threads may call it at the same time."""
    options = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    session = tf.compat.v1.Session(graph=tf.Graph(), config=options)
    with session.graph.as_default():
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], path)
    signature = loaded.signature_def["serving_default"]
    call = config_pb2.CallableOptions()
    call.feed.append(signature.inputs["x"].name)
    call.fetch.append(signature.outputs["y"].name)
    call.run_options.inter_op_thread_pool = -1  # the caller's thread
    run = session._make_callable_from_options(call)

    def predict(rows: np.ndarray) -> np.ndarray:
        return run(rows)[0]

    predict(np.zeros([1, *(dim.size for dim in signature.inputs["x"].tensor_shape.dim[1:])], np.float32))
    return predict
