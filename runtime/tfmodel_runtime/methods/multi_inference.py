"""MultiInference: several classify and regress signatures of one model in one run (servables/tensorflow/multi_inference.cc)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmodel.wire import messages
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE, Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError, UnimplementedError
from tfmodel_runtime.methods import classification, regression

_METHODS = {classification.METHOD: classification.ask, regression.METHOD: regression.ask}


@dataclass(frozen=True, slots=True)
class Task:
    """One signature with its method."""

    signature: Signature
    method: str


def tasks(request: Any, signatures: Mapping[str, Signature]) -> list[Task]:
    """The tasks of a request, checked in their order.

    Raises:
        InvalidInputError: a task names no model, another model, a signature twice, or one that is not there or unfit.
        UnimplementedError: a method is neither classify nor regress.
    """
    found: list[Task] = []
    for task in request.tasks:
        if not task.model_spec.name:
            raise InvalidInputError("Found ModelSpec with an empty model name.")
        if task.model_spec.name != request.tasks[0].model_spec.name:
            raise InvalidInputError("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if any(one.signature.name == name for one in found):
            raise InvalidInputError(f"Duplicate evaluation of signature: {name}")
        if name not in signatures:
            raise InvalidInputError(f"Requested signature not found in model graph: {name}")
        _check(task.method_name, signatures[name])
        found.append(Task(signatures[name], task.method_name))
    return found


def _check(method: str, signature: Signature) -> None:
    if method == classification.METHOD:
        classification.check(signature)
    elif method == regression.METHOD:
        regression.check(signature)
    else:
        raise UnimplementedError(f"Unsupported signature method_name: {method}")


def merged(found: list[Task]) -> Signature:
    """One signature over all tasks, whose aliases are the names of the tensors."""
    signatures = [task.signature for task in found]
    inputs = {spec.tensor_name: spec for signature in signatures for spec in signature.inputs.values()}
    outputs = {spec.tensor_name: spec for signature in signatures for spec in signature.outputs.values()}
    return Signature("+".join(signature.name for signature in signatures), inputs, outputs, "", {})


def ask(found: list[Task], examples: Array) -> Ask:
    """What is fed to and fetched from the merged signature."""
    feeds: dict[str, Array] = {}
    fetches: dict[str, None] = {}
    for task in found:
        one = _METHODS[task.method](task.signature, examples)
        feeds.update({task.signature.inputs[alias].tensor_name: array for alias, array in one.feeds.items()})
        fetches.update({task.signature.outputs[alias].tensor_name: None for alias in one.fetches or ()})
    return Ask(feeds, list(fetches), len(examples))


def answer(request: Any, found: list[Task], version: int, outputs: Mapping[str, Array], count: int) -> Any:
    """A MultiInferenceResponse with a result for each task, in their order.

    Raises:
        InvalidInputError: an output has another type or shape than its method has it.
    """
    response = messages.MultiInferenceResponse()
    for task, asked in zip(found, request.tasks, strict=True):
        named = {
            alias: outputs[spec.tensor_name]
            for alias, spec in task.signature.outputs.items()
            if spec.tensor_name in outputs
        }
        result = response.results.add()
        result.model_spec.name = asked.model_spec.name
        result.model_spec.version.value = version
        result.model_spec.signature_name = task.signature.name
        if task.method == classification.METHOD:
            result.classification_result.CopyFrom(classification.as_proto(classification.classified(named, count)))
        else:
            result.regression_result.CopyFrom(regression.as_proto(regression.values(named, count)))
    return response
