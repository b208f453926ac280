"""Predict over gRPC: a PredictRequest as what is fed and fetched, the outputs as a PredictResponse (predict_util.cc)."""

from collections.abc import Callable, Mapping
from typing import Any

from tfmodel.wire import messages
from tfmodel.wire.dtypes import name, of_array
from tfmodel_runtime.codec import tensor_proto
from tfmodel_runtime.engine.signature import Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError

EncodeTensor = Callable[[Array], Any]


def ask(request: Any, signature: Signature) -> Ask:
    """What a request feeds and fetches. Inputs that it lacks are filled from the signature's defaults.

    Raises:
        InvalidInputError: it does not fit the signature.
    """
    feeds: dict[str, Array] = {}
    _check_count(request.inputs, signature)
    for number, (alias, spec) in enumerate(signature.inputs.items()):
        array = _input(request, alias, signature)
        if of_array(array) is not spec.data_type:
            raise InvalidInputError(
                f"Expects arg[{number}] to be {name(spec.data_type)} but {name(of_array(array))} is provided"
            )
        feeds[alias] = array
    return Ask(feeds, _fetches(list(request.output_filter), signature))


def _input(request: Any, alias: str, signature: Signature) -> Array:
    if alias in request.inputs:
        return tensor_proto.decode(request.inputs[alias], alias)
    if alias in signature.defaults:
        return tensor_proto.decode(signature.defaults[alias], alias)
    raise InvalidInputError(
        f"Signature input alias: {alias}(feed name: {signature.inputs[alias].tensor_name}) not found in request and no "
        f"default value provided. Inputs expected to be in the set {_set(set(signature.inputs))}."
    )


def _check_count(inputs: Mapping[str, Any], signature: Signature) -> None:
    few = len(inputs) < len(signature.inputs) and not signature.defaults
    if few or len(inputs) > len(signature.inputs):
        sent, wanted = set(inputs), set(signature.inputs)
        raise InvalidInputError(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({_set(sent)}) != len({_set(wanted)}). "
            f"Sent extra: {_set(sent - wanted)}. Missing but required: {_set(wanted - sent)}."
        )


def _set(names: set[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _fetches(wanted: list[str], signature: Signature) -> list[str] | None:
    for number, alias in enumerate(wanted):
        if alias not in signature.outputs:
            raise InvalidInputError(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set "
                f"{_set(set(signature.outputs))}."
            )
        if alias in wanted[:number]:
            raise InvalidInputError(f"duplicate output tensor alias: {alias}")
    return wanted or None


def answer(spec: Any, outputs: Mapping[str, Array], encode: EncodeTensor) -> Any:
    """A PredictResponse with the effective model_spec and the outputs by alias."""
    found = messages.PredictResponse(model_spec=spec)
    for alias, array in outputs.items():
        found.outputs[alias].CopyFrom(encode(array))
    return found
