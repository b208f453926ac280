"""TensorFlow Serving's REST API as a raw ASGI application: nothing between the socket and the codec.

Every answer is application/json without a charset; an error is {"error": "..."} with the status of its cause.
"""

import json
import logging
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from tfmodel_runtime.codec import examples_json, tfserving_json
from tfmodel_runtime.engine.signature import Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError, RuntimeFault
from tfmodel_runtime.methods import classification, examples, regression
from tfmodel_runtime.model_info import metadata_json, status_json
from tfmodel_runtime.predict import Call, Predictor
from tfmodel_runtime.rest.paths import Target, parse
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.servables.servable import Handle
from tfmodel_runtime.statuses import http_status_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)
_MOST_INFLATED_BYTES = 100 * 1024 * 1024
_INTERNAL_ERROR = 500
_TOO_LARGE = 413


class TooLargeError(Exception):
    """A body is larger than is allowed."""


class ApiV1:
    """The application for every path under /v1/. `is_draining` makes answers close their connections."""

    def __init__(self, manager: Manager, predictor: Predictor, *, timeout_seconds: float, most_body_bytes: int) -> None:
        self._manager = manager
        self._predictor = predictor
        self._timeout_seconds = timeout_seconds
        self._most_body_bytes = most_body_bytes
        self.is_draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            status, body = 200, await self._answer(scope, receive)
        except RuntimeFault as fault:
            status, body = http_status_of(fault), _error(str(fault))
        except TooLargeError:
            status, body = _TOO_LARGE, _error(f"the body is larger than {self._most_body_bytes} bytes")
        except Exception:  # noqa: BLE001 - the rim: whatever it is, the client gets an answer and the log the cause
            _log.exception("a request failed in a way that was not foreseen")
            status, body = _INTERNAL_ERROR, _error("internal error: see the server's log")
        await self._send(send, status, body)

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        path = _path(scope)
        target = parse(scope["method"], path)
        if target is None:
            if path == "/v1/models" and scope["method"] == "GET":
                raise InvalidInputError("Missing model name in request.")
            raise InvalidInputError(f"Malformed request: {scope['method']} {path}")
        if target.action == "status":
            return status_json(self._manager, target.name, target.version)
        if target.action == "metadata":
            return metadata_json(self._manager, target.name, target.version, target.label)
        body = await self._body(scope, receive)
        if target.action == "predict":
            return await self._predict(target, body)
        return await self._of_examples(target, body)

    async def _predict(self, target: Target, body: bytes) -> bytes:
        call = self._call(target, body)
        request = await self._predictor.read(call, lambda: tfserving_json.read(body))
        return await self._predictor.predict(
            replace(call, signature=request.signature_name),
            lambda signature: Ask(tfserving_json.feeds(request, signature)),
            lambda _handle, _signature, outputs: tfserving_json.answer(request, outputs),
        )

    async def _of_examples(self, target: Target, body: bytes) -> bytes:
        """Classify and regress."""
        call = self._call(target, body)
        request = await self._predictor.read(call, lambda: examples_json.read(body))
        array = examples.as_array(request.examples, request.context)
        is_classify = target.action == "classify"

        def encode(_handle: Handle, _signature: Signature, outputs: Mapping[str, Array]) -> bytes:
            if is_classify:
                return examples_json.classifications(classification.classified(outputs, len(array)).rows())
            return examples_json.regressions(regression.values(outputs, len(array)))

        method = classification.ask if is_classify else regression.ask
        call = replace(call, signature=request.signature_name)
        return await self._predictor.predict(call, lambda signature: method(signature, array), encode)

    def _call(self, target: Target, body: bytes) -> Call:
        return Call(
            target.name,
            target.version,
            target.label,
            "",
            "rest",
            target.action,
            timeout_seconds=self._timeout_seconds,
            body_bytes=len(body),
        )

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size, is_more = 0, True
        while is_more:
            message = await receive()
            part = message.get("body", b"")
            size += len(part)
            if size > self._most_body_bytes:
                raise TooLargeError
            parts.append(part)
            is_more = message.get("more_body", False)
        body = b"".join(parts)
        return _inflated(body) if _header(scope, b"content-encoding") == b"gzip" else body

    async def _send(self, send: Send, status: int, body: bytes) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if self.is_draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _path(scope: Mapping[str, Any]) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return raw.split(b"?")[0].decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")


def _header(scope: Mapping[str, Any], name: bytes) -> bytes:
    return next((value for found, value in scope["headers"] if found == name), b"")


def _inflated(body: bytes) -> bytes:
    """A gzip body; an empty one if it is none or too large, as TensorFlow Serving has it."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        inflated = inflater.decompress(body, _MOST_INFLATED_BYTES)
    except zlib.error:
        return b""
    return b"" if inflater.unconsumed_tail else inflated


def _error(text: str) -> bytes:
    return json.dumps({"error": text}, ensure_ascii=False).encode("utf-8", errors="replace")
