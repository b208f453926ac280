"""The OpenAPI document of what is loaded: each model's signatures as JSON schemas, with examples that work. Pure functions.

OpenAPI 3.0.3, which the bundled Swagger UI shows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tfmodel.wire.dtypes import DataType, name
from tfmodel_runtime.codec.json_values import RANGES
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE, Signature, TensorSpec
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.methods import classification, regression
from tfmodel_runtime.rest import openapi_v2

Json = dict[str, Any]
_FLOATS = {DataType.FLOAT, DataType.DOUBLE}
_JSON_TYPES = {*_FLOATS, *RANGES, DataType.BOOL, DataType.STRING}
_ERROR: Json = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_STRING: Json = {
    "oneOf": [
        {"type": "string"},
        {
            "type": "object",
            "required": ["b64"],
            "additionalProperties": False,
            "properties": {"b64": {"type": "string", "format": "byte"}},
        },
    ]
}


@dataclass(frozen=True, slots=True)
class Version:
    """A version that answers: its signatures, and for those that answered one a request, by the names of their inputs."""

    model: str
    version: int
    signatures: Mapping[str, Signature]
    examples: Mapping[str, Mapping[str, Array]]


def document(versions: Iterable[Version], *, release: str) -> Json:
    """The document for the versions that answer, the newest of each model also under the path without a version."""
    paths: Json = {}
    newest: dict[str, Version] = {}
    for one in versions:
        newest[one.model] = max(one, newest.get(one.model, one), key=lambda found: found.version)
        paths |= _paths(one, f"models/{quote(one.model, safe='')}/versions/{one.version}")
    for model, one in newest.items():
        paths |= _paths(one, f"models/{quote(model, safe='')}")
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Models",
            "version": release,
            "description": "TensorFlow Serving's REST API and the Open Inference Protocol, for the models that are loaded.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": {"Error": _ERROR}},
    }


def _paths(one: Version, resource: str) -> Json:
    told, prefix = {"tags": [one.model]}, f"/v1/{resource}"
    paths: Json = {
        prefix: {"get": {**told, "summary": "Status of its versions", "responses": _responses({"type": "object"})}},
        f"{prefix}/metadata": {
            "get": {**told, "summary": "Its signatures", "responses": _responses({"type": "object"})}
        },
    }
    predictable = {key: found for key, found in one.signatures.items() if found.inputs and _has_json_form(found)}
    if predictable:
        paths[f"{prefix}:predict"] = {"post": {**told, **_predict(one, predictable)}}
    for verb, check in (("classify", classification.check), ("regress", regression.check)):
        fit = [key for key, found in one.signatures.items() if _is_fit(found, check)]
        if fit:
            paths[f"{prefix}:{verb}"] = {"post": {**told, **_of_examples(verb, fit)}}
    inference = openapi_v2.infer(one.signatures, one.examples)
    if inference is not None:
        answer = {"type": "object", "properties": {"outputs": {"type": "array", "items": {"type": "object"}}}}
        paths[f"/v2/{resource}/infer"] = {"post": {**told, **inference, "responses": _responses(answer)}}
    return paths


def _has_json_form(signature: Signature) -> bool:
    specs = (*signature.inputs.values(), *signature.outputs.values())
    return all(spec.data_type in _JSON_TYPES for spec in specs)


def _is_fit(signature: Signature, check: Any) -> bool:
    try:
        check(signature)
    except InvalidInputError:
        return False
    return all(spec.data_type is DataType.STRING for spec in signature.inputs.values())


def _responses(schema: Json) -> Json:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    refusals = {"400": "The request does not fit", "404": "Not loaded", "503": "Too busy", "504": "Took too long"}
    return {
        "200": {"description": "The answer", "content": {"application/json": {"schema": schema}}},
        **{code: {"description": told, "content": error} for code, told in refusals.items()},
    }


def _predict(one: Version, signatures: Mapping[str, Signature]) -> Json:
    forms = [form for key, found in signatures.items() for form in (_rows(key, found), _columns(key, found))]
    examples = {key: {"value": _example(key, feeds)} for key, feeds in one.examples.items() if key in signatures}
    content: Json = {"schema": {"oneOf": forms} if len(forms) > 1 else forms[0]}
    if examples:
        content["examples"] = examples
    answer = {"type": "object", "properties": {"predictions": {"type": "array", "items": {}}, "outputs": {}}}
    return {
        "summary": f"Predict with {', '.join(signatures)}",
        "description": "\n".join(_describe(found) for found in signatures.values()),
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": _responses(answer),
    }


def _describe(signature: Signature) -> str:
    inputs = ", ".join(f"`{spec.alias}` {_told(spec)}" for spec in signature.inputs.values())
    outputs = ", ".join(f"`{spec.alias}` {_told(spec)}" for spec in signature.outputs.values())
    return f"* **{signature.name}**: {inputs} → {outputs}"


def _told(spec: TensorSpec) -> str:
    shape = "of any shape" if spec.shape is None else str([None if size < 0 else size for size in spec.shape])
    return f"{name(spec.data_type)} {shape.replace('None', '?')}"


def _form(key: str, field: str, schema: Json) -> Json:
    signature: Json = {"type": "string", "enum": [key]}
    required = [field] if key == DEFAULT_SIGNATURE else ["signature_name", field]
    return {
        "title": f"{key}, {'rows' if field == 'instances' else 'columns'}",
        "type": "object",
        "required": required,
        "properties": {"signature_name": signature, field: schema},
        "additionalProperties": False,
    }


def _rows(key: str, signature: Signature) -> Json:
    row = _object({alias: tensor(spec, of_row=True) for alias, spec in signature.inputs.items()})
    if len(signature.inputs) == 1:
        row = tensor(next(iter(signature.inputs.values())), of_row=True)
    return _form(key, "instances", {"type": "array", "minItems": 1, "items": row})


def _columns(key: str, signature: Signature) -> Json:
    return _form(key, "inputs", _object({alias: tensor(spec) for alias, spec in signature.inputs.items()}))


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def tensor(spec: TensorSpec, *, of_row: bool = False) -> Json:
    """The schema of a tensor as nested lists; of one of its rows, without the first dimension."""
    schema = _element(spec.data_type)
    if spec.shape is None:
        return {"description": "a value, or lists of values of any shape"}
    for size in reversed(spec.shape[1:] if of_row else spec.shape):
        bounds = {} if size < 0 else {"minItems": size, "maxItems": size}
        schema = {"type": "array", "items": schema, **bounds}
    return schema


def _element(data_type: DataType) -> Json:
    if data_type in _FLOATS:
        return {"type": "number", "format": name(data_type)}
    if data_type in RANGES:
        low, high = RANGES[data_type]
        return {"type": "integer", "minimum": low, "maximum": high}
    if data_type is DataType.BOOL:
        return {"type": "boolean"}
    return _STRING


def _example(key: str, feeds: Mapping[str, Array]) -> Json:
    named = {} if key == DEFAULT_SIGNATURE else {"signature_name": key}
    return {**named, "inputs": {alias: _plain(array) for alias, array in feeds.items()}}


def _plain(array: Array) -> Any:
    return _decoded(array.tolist()) if array.dtype.kind == "O" else array.tolist()


def _decoded(value: Any) -> Any:
    return [_decoded(part) for part in value] if isinstance(value, list) else value.decode()


def _of_examples(verb: str, signatures: list[str]) -> Json:
    feature: Json = {"oneOf": [{"type": "number"}, {"type": "string"}, {"type": "boolean"}, {"type": "array"}]}
    feature["oneOf"][-1]["items"] = {}
    example = {"type": "object", "additionalProperties": feature}
    schema = {
        "type": "object",
        "required": ["examples"],
        "properties": {
            "signature_name": {"type": "string", "enum": signatures},
            "context": example,
            "examples": {"type": "array", "minItems": 1, "items": example},
        },
    }
    answer = {"type": "object", "properties": {"results": {"type": "array", "items": {}}}}
    return {
        "summary": f"{verb.capitalize()} with {', '.join(signatures)}",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": _responses(answer),
    }
