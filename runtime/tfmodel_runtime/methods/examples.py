"""`Input` of Classify, Regress and MultiInference: the tf.Examples of a request as serialized strings."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError


def serialized(request_input: Any) -> Array:
    """The examples of a tensorflow.serving.Input, shape [n], bytes.

    A context stands before each example, so that of a feature that both have the example's value counts
    (servables/tensorflow/util.cc).

    Raises:
        InvalidInputError: it holds no example.
    """
    kind = request_input.WhichOneof("kind")
    if kind == "example_list_with_context":
        found = request_input.example_list_with_context
        return as_array([example.SerializeToString() for example in found.examples], found.context.SerializeToString())
    return as_array([example.SerializeToString() for example in request_input.example_list.examples])


def as_array(examples: Iterable[bytes], context: bytes = b"") -> Array:
    """Serialized examples as an array of bytes, each after the context.

    Raises:
        InvalidInputError: there is no example.
    """
    texts = [context + example for example in examples]
    if not texts:
        raise InvalidInputError("Input is empty.")
    array = np.empty(len(texts), object)
    array[:] = texts
    return array
