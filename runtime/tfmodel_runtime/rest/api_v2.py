"""The Open Inference Protocol over REST as a raw ASGI application, with the binary tensor extension (contract section 17).

Answers are application/json, those with bytes of tensors application/octet-stream. An error is {"error": "..."} with the status
of its cause.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import orjson

from tfmodel_runtime.codec import v2_rest
from tfmodel_runtime.codec.v2_request import SIGNATURE_PARAMETER
from tfmodel_runtime.open_inference import EXTENSIONS, PLATFORM, SERVER_NAME, OpenInference, TensorInfo, version_of
from tfmodel_runtime.predict import Call
from tfmodel_runtime.rest.asgi import (
    Answer,
    Receive,
    Scope,
    Send,
    guarded,
    header,
    inflated,
    query,
    raw_path,
    read_body,
    refusal,
    send_answer,
)
from tfmodel_runtime.rest.paths_v2 import Target, parse

_OK, _NOT_FOUND, _METHOD_NOT_ALLOWED, _NOT_READY = 200, 404, 405, 503
_BINARY = b"application/octet-stream"
_HEADER_LENGTH = b"inference-header-content-length"


class ApiV2:
    """The application for /v2 and every path under it."""

    def __init__(self, inference: OpenInference, *, timeout_seconds: float, most_body_bytes: int) -> None:
        self._inference = inference
        self._timeout_seconds = timeout_seconds
        self._most_body_bytes = most_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        answer = await guarded(self._answer(scope, receive))
        await send_answer(send, answer, closes=self._inference.is_draining)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path, method = raw_path(scope), scope["method"]
        target = parse(path)
        if target is None:
            return refusal(_NOT_FOUND, f"no such path: {path}")
        if method != target.method:
            allowed = [(b"allow", target.method.encode())]
            return refusal(_METHOD_NOT_ALLOWED, f"{method} {path}: expected {target.method}", allowed)
        if target.action == "infer":
            return await self._infer(target, scope, receive)
        return self._told(target, scope)

    def _told(self, target: Target, scope: Scope) -> Answer:
        match target.action:
            case "live":
                return _json({"live": True})
            case "ready":
                return _readiness({}, self._inference.objection())
            case "models":
                return _json({"models": self._inference.models()})
            case "model":
                return self._model(target, scope)
            case "model_ready":
                objection = self._inference.model_objection(target.name, target.version)
                return _readiness({"name": target.name}, objection)
            case _:
                told = {"name": SERVER_NAME, "version": self._inference.version, "extensions": EXTENSIONS}
                return _json(told)

    def _model(self, target: Target, scope: Scope) -> Answer:
        chosen = parse_qs(query(scope)).get(SIGNATURE_PARAMETER, [""])[0]
        found = self._inference.model(target.name, target.version, chosen)
        told: dict[str, Any] = {"name": found.name, "versions": found.versions, "platform": PLATFORM}
        return _json(told | {"inputs": _tensors(found.inputs), "outputs": _tensors(found.outputs)})

    async def _infer(self, target: Target, scope: Scope, receive: Receive) -> Answer:
        version = version_of(target.name, target.version)
        body = await self._body(scope, receive)
        header_length = header(scope, _HEADER_LENGTH).decode("latin-1") or None
        call = Call(
            target.name,
            version,
            None,
            "",
            "rest",
            "infer",
            timeout_seconds=self._timeout_seconds,
            body_bytes=len(body),
        )
        request = await self._inference.read(call, lambda: v2_rest.read(body, header_length))
        answer = await self._inference.infer(
            replace(call, signature=request.signature_name),
            lambda signature: v2_rest.ask(request, signature),
            lambda handle, signature, outputs: v2_rest.answer(
                request, signature, outputs, model_name=handle.name, model_version=handle.version
            ),
        )
        if answer.header_length is None:
            return Answer(_OK, answer.content)
        return Answer(_OK, answer.content, _BINARY, [(_HEADER_LENGTH, str(answer.header_length).encode())])

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        body = await read_body(receive, self._most_body_bytes)
        encoding = header(scope, b"content-encoding")
        return inflated(body, encoding, self._most_body_bytes) if encoding not in (b"", b"identity") else body


def _tensors(tensors: Sequence[TensorInfo]) -> list[dict[str, Any]]:
    return [{"name": one.name, "datatype": one.datatype, "shape": one.shape} for one in tensors]


def _readiness(told: dict[str, Any], objection: str | None) -> Answer:
    """Probes read the status; whoever reads the body finds the reason."""
    if objection is None:
        return _json(told | {"ready": True})
    return _json(told | {"ready": False, "error": objection}, _NOT_READY)


def _json(told: dict[str, Any], status: int = _OK) -> Answer:
    return Answer(status, orjson.dumps(told))
