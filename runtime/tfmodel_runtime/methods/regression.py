"""Regress: serialized examples in, one number for each out (servables/tensorflow/regressor.cc)."""

from collections.abc import Mapping
from typing import Any

from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType, name, of_array
from tfmodel_runtime.engine.signature import Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError

METHOD = "tensorflow/serving/regress"
INPUT, OUTPUT = "inputs", "outputs"
_RANK = 2


def check(signature: Signature) -> None:
    """Whether a signature can regress; its method name does not count.

    Raises:
        InvalidInputError: its inputs or outputs are others.
    """
    if len(signature.inputs) != 1:
        raise InvalidInputError("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise InvalidInputError("Expected one output Tensor.")
    if INPUT not in signature.inputs:
        raise InvalidInputError(f"No regression inputs found in SignatureDef: {signature.describe()}")
    if OUTPUT not in signature.outputs:
        raise InvalidInputError(f"No regression outputs found in SignatureDef: {signature.describe()}")


def ask(signature: Signature, examples: Array) -> Ask:
    """What is fed and fetched.

    Raises:
        InvalidInputError: the signature cannot regress.
    """
    check(signature)
    return Ask({INPUT: examples}, [OUTPUT], len(examples))


def values(outputs: Mapping[str, Array], count: int) -> Array:
    """The numbers, float32, shape [count], in the outputs by alias.

    Raises:
        InvalidInputError: the output has another type or shape than [count] or [count, 1].
    """
    found = outputs[OUTPUT]
    if not (found.ndim == 1 or (found.ndim == _RANK and found.shape[1] == 1)):
        raise InvalidInputError(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"[{','.join(map(str, found.shape))}]"
        )
    if len(found) != count:
        raise InvalidInputError(f"Input batch size did not match output batch size: {count} vs. {len(found)}")
    if of_array(found) is not DataType.FLOAT:
        raise InvalidInputError(f"Expected output Tensor of DT_FLOAT.  Got: DT_{name(of_array(found)).upper()}")
    return found.reshape(-1)


def as_proto(found: Array) -> Any:
    """A tensorflow.serving.RegressionResult."""
    result = messages.RegressionResult()
    for value in found.tolist():
        result.regressions.add(value=value)
    return result
