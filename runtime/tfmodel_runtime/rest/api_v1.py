"""TensorFlow Serving's REST API as a raw ASGI application: nothing between the socket and the codec.

Every answer is application/json without a charset; an error is {"error": "..."} with the status of its cause.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from tfmodel_runtime.codec import examples_json, tfserving_json
from tfmodel_runtime.engine.signature import Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.lifecycle_state import Readiness
from tfmodel_runtime.methods import classification, examples, regression
from tfmodel_runtime.model_info import metadata_json, status_json
from tfmodel_runtime.predict import Call, Predictor
from tfmodel_runtime.rest.asgi import (
    Answer,
    Receive,
    Scope,
    Send,
    TooLargeError,
    guarded,
    header,
    inflated,
    query,
    raw_path,
    read_body,
    send_answer,
)
from tfmodel_runtime.rest.paths import Target, parse
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.servables.servable import Handle

_MOST_INFLATED_BYTES = 100 * 1024 * 1024


class ApiV1:
    """The application for every path under /v1/. While the server drains, answers close their connections."""

    def __init__(
        self,
        manager: Manager,
        predictor: Predictor,
        readiness: Readiness,
        *,
        timeout_seconds: float,
        most_body_bytes: int,
    ) -> None:
        self._manager = manager
        self._readiness = readiness
        self._predictor = predictor
        self._timeout_seconds = timeout_seconds
        self._most_body_bytes = most_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        await send_answer(send, await guarded(self._answered(scope, receive)), closes=self._readiness.is_draining)

    async def _answered(self, scope: Scope, receive: Receive) -> Answer:
        return Answer(200, await self._answer(scope, receive))

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        path = _path(scope)
        target = parse(scope["method"], path)
        if target is None:
            if path == "/v1/models" and scope["method"] == "GET":
                raise InvalidInputError("Missing model name in request.")
            raise InvalidInputError(f"Malformed request: {scope['method']} {path}")
        if target.action == "status":
            return self._predictor.tell(
                self._call(target, b""), lambda: status_json(self._manager, target.name, target.version)
            )
        if target.action == "metadata":
            return self._predictor.tell(
                self._call(target, b""),
                lambda: metadata_json(self._manager, target.name, target.version, target.label),
            )
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
            lambda _handle, _signature, outputs: tfserving_json.answer(request.form, outputs),
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
        """The body; an empty one if it says that it is gzip and is not, or is too large, as TensorFlow Serving has it."""
        body = await read_body(receive, self._most_body_bytes)
        if header(scope, b"content-encoding") != b"gzip":
            return body
        with suppress(InvalidInputError, TooLargeError):
            return inflated(body, b"gzip", _MOST_INFLATED_BYTES)
        return b""


def _path(scope: Scope) -> str:
    """What is matched: the query belongs to it, as in TensorFlow Serving."""
    asked = query(scope)
    return raw_path(scope) + (f"?{asked}" if asked else "")
