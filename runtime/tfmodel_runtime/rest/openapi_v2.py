"""The part of the OpenAPI document that is about the Open Inference Protocol. Pure functions."""

from collections.abc import Mapping
from typing import Any

from tfmodel.wire.oip_datatypes import CONTENTS_FIELDS, DATATYPES
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE, Signature
from tfmodel_runtime.engine.tensors import Array

Json = dict[str, Any]
_DATA: Json = {"type": "array", "items": {}}


def infer(signatures: Mapping[str, Signature], examples: Mapping[str, Mapping[str, Array]]) -> Json | None:
    """The operation of `:infer` over the signatures that JSON can hold; None if there are none."""
    fit = {name: one for name, one in signatures.items() if one.inputs and _has_json_form(one)}
    if not fit:
        return None
    schemas = [_request(name, one) for name, one in fit.items()]
    content: Json = {"schema": {"oneOf": schemas} if len(schemas) > 1 else schemas[0]}
    shown = {name: {"value": _example(fit[name], feeds)} for name, feeds in examples.items() if name in fit}
    if shown:
        content["examples"] = shown
    return {
        "summary": "Infer, by the Open Inference Protocol",
        "requestBody": {"required": True, "content": {"application/json": content}},
    }


def _has_json_form(signature: Signature) -> bool:
    return all(spec.data_type in CONTENTS_FIELDS for spec in (*signature.inputs.values(), *signature.outputs.values()))


def _request(name: str, signature: Signature) -> Json:
    tensors = [_tensor(spec.alias, DATATYPES[spec.data_type], spec.shape) for spec in signature.inputs.values()]
    inputs = {"type": "array", "minItems": len(tensors), "maxItems": len(tensors)}
    inputs["items"] = tensors[0] if len(tensors) == 1 else {"oneOf": tensors}
    chosen: Json = {
        "type": "object",
        "required": [] if name == DEFAULT_SIGNATURE else ["signature_name"],
        "properties": {"signature_name": {"type": "string", "enum": [name]}},
    }
    required = ["inputs"] if name == DEFAULT_SIGNATURE else ["inputs", "parameters"]
    if not chosen["required"]:
        del chosen["required"]
    return {
        "title": name,
        "type": "object",
        "required": required,
        "properties": {"id": {"type": "string"}, "parameters": chosen, "inputs": inputs},
    }


def _tensor(alias: str, datatype: str, shape: tuple[int, ...] | None) -> Json:
    rank = {} if shape is None else {"minItems": len(shape), "maxItems": len(shape)}
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"type": "string", "enum": [alias]},
            "datatype": {"type": "string", "enum": [datatype]},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, **rank},
            "data": _DATA,
        },
    }


def _example(signature: Signature, feeds: Mapping[str, Array]) -> Json:
    inputs = [
        {
            "name": alias,
            "shape": list(array.shape),
            "datatype": DATATYPES[signature.inputs[alias].data_type],
            "data": [one.decode() if isinstance(one, bytes) else one for one in array.ravel().tolist()],
        }
        for alias, array in feeds.items()
    ]
    named = {} if signature.name == DEFAULT_SIGNATURE else {"parameters": {"signature_name": signature.name}}
    return {**named, "inputs": inputs}
