"""Classify: serialized examples in, a label and a score for each class out (servables/tensorflow/classifier.cc)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType, name, of_array
from tfmodel_runtime.engine.signature import Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError

METHOD = "tensorflow/serving/classify"
INPUT, CLASSES, SCORES = "inputs", "classes", "scores"
_MOST_OUTPUTS = 2
_RANK = 2


@dataclass(frozen=True, slots=True)
class Classified:
    """The answer: labels (bytes) and scores (float32), each [examples, classes] or None where the model gives none."""

    labels: Array | None
    scores: Array | None

    def rows(self) -> list[list[tuple[bytes, float]]]:
        """Label and score of each class, by example; no label is empty, no score is 0."""
        known = self.labels if self.labels is not None else self.scores
        if known is None:
            return []
        labels = known.tolist() if self.labels is not None else [[b""] * known.shape[1]] * known.shape[0]
        scores = self.scores.tolist() if self.scores is not None else [[0.0] * known.shape[1]] * known.shape[0]
        return [list(zip(*row, strict=True)) for row in zip(labels, scores, strict=True)]


def check(signature: Signature) -> None:
    """Whether a signature can classify. Its method name does not count, so exports of TensorFlow 2 can too.

    Raises:
        InvalidInputError: its inputs or outputs are others.
    """
    if len(signature.inputs) != 1:
        raise InvalidInputError("Expected one input Tensor.")
    if not 1 <= len(signature.outputs) <= _MOST_OUTPUTS:
        raise InvalidInputError(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if INPUT not in signature.inputs:
        raise InvalidInputError(f"No classification inputs found in SignatureDef: {signature.describe()}")
    if CLASSES not in signature.outputs and SCORES not in signature.outputs:
        raise InvalidInputError(
            f'Expected classification signature outputs to contain at least one of "{CLASSES}" or "{SCORES}". '
            f"Signature was: {signature.describe()}"
        )


def ask(signature: Signature, examples: Array) -> Ask:
    """What is fed and fetched.

    Raises:
        InvalidInputError: the signature cannot classify.
    """
    check(signature)
    fetches = [alias for alias in (CLASSES, SCORES) if alias in signature.outputs]
    return Ask({INPUT: examples}, fetches, len(examples))


def classified(outputs: Mapping[str, Array], count: int) -> Classified:
    """The answer in the outputs by alias, for `count` examples.

    Raises:
        InvalidInputError: an output has another type or shape than [count, classes].
    """
    labels, scores = outputs.get(CLASSES), outputs.get(SCORES)
    if labels is not None:
        _check_output(labels, count, CLASSES, DataType.STRING)
    if scores is not None:
        _check_output(scores, count, SCORES, DataType.FLOAT)
    if labels is not None and scores is not None and labels.shape[1] != scores.shape[1]:
        raise InvalidInputError(
            f"Tensors class and score should match in dim_size(1). Got {labels.shape[1]} vs. {scores.shape[1]}"
        )
    return Classified(labels, scores)


def _check_output(array: Array, count: int, alias: str, wanted: DataType) -> None:
    if array.ndim != _RANK:
        raise InvalidInputError(
            f"Expected Tensor shape: [batch_size num_classes] but got [{','.join(map(str, array.shape))}]"
        )
    if of_array(array) is not wanted:
        raise InvalidInputError(f"Expected {alias} Tensor of DT_{wanted.name}. Got: DT_{name(of_array(array)).upper()}")
    if len(array) != count:
        raise InvalidInputError(f"Expected {alias} output batch size of {count}. Got: {len(array)}")


def as_proto(found: Classified) -> Any:
    """A tensorflow.serving.ClassificationResult."""
    result = messages.ClassificationResult()
    for row in found.rows():
        classes = result.classifications.add().classes
        for label, score in row:
            classes.add(label=label.decode("utf-8", errors="replace"), score=score)
    return result
