"""Answers a request with the handler: `_preprocess`, the model, `_postprocess`.

The user's code runs in threads of its own. A call that does not end in time is given up, and its thread with it; once every
thread is lost so, requests are refused and the server is not ready, so that Kubernetes sends them elsewhere.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import orjson

from tfmodel.serving import HandlerError, TfServingBaseService
from tfmodel.wire.dtypes import DataType, name, numpy_dtype, of_array
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE, Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import HandlerFault, InvalidInputError, OverloadedError, RuntimeFault, TimedOutError
from tfmodel_runtime.observability.metrics import Metrics, Request
from tfmodel_runtime.predict import Call, Predictor
from tfmodel_runtime.servables.servable import Handle
from tfmodel_runtime.statuses import code_of

_log = logging.getLogger(__name__)
_BAD_REQUEST, _INTERNAL_ERROR = 400, 500
_REQUESTS_FAULT = (ValueError, TypeError, KeyError, OSError)
_TOO_MANY_PIXELS = ("DecompressionBombError", "DecompressionBombWarning")
_MOST_TEXT = 1000
Result = TypeVar("Result")


class HandlerService:
    """The handler of one model. `handler` is None until a file could be loaded."""

    def __init__(
        self, model: str, predictor: Predictor, metrics: Metrics, *, timeout_seconds: float, threads: int
    ) -> None:
        self.handler: TfServingBaseService | None = None
        self.load_error = "it was not loaded yet"
        self._model = model
        self._predictor = predictor
        self._metrics = metrics
        self._timeout_seconds = timeout_seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="handler")
        self._count = threads
        self._lost = 0

    def objection(self) -> str | None:
        """Why the handler cannot answer; None if it can."""
        if self.handler is None:
            return f"the handler cannot be used: {self.load_error}"
        if self._lost >= self._count:
            return f"all {self._count} threads of the handler hang"
        return None

    async def answer(self, data: Any) -> bytes:
        """The JSON of the answer to a request's data.

        Raises:
            HandlerFault: the handler refused the request, or failed.
            OverloadedError: it cannot be used, or hangs.
            TimedOutError: it took too long.
            RuntimeFault: the model refused or failed.
        """
        begun = time.perf_counter()
        counted = False
        try:
            handler = self._usable()
            inputs = await self._in_thread(lambda: _preprocessed(handler, data), begun)
            left = self._timeout_seconds - (time.perf_counter() - begun)
            call = Call(self._model, None, None, "", "rest", "handle", timeout_seconds=left)
            counted = True
            outputs = await self._predictor.predict(call, lambda signature: _ask(inputs, signature), _plain, _signature)
            return await self._in_thread(lambda: _postprocessed(handler, outputs), begun)
        except RuntimeFault as fault:
            if not counted:
                request = Request(self._model, "", "", "handle", "rest")
                self._metrics.answered(request, code_of(fault).name, time.perf_counter() - begun)
            raise

    def _usable(self) -> TfServingBaseService:
        reason = self.objection()
        if self.handler is None or reason is not None:
            raise OverloadedError(str(reason))
        return self.handler

    async def _in_thread(self, work: Callable[[], Result], begun: float) -> Result:
        left = self._timeout_seconds - (time.perf_counter() - begun)
        running = self._threads.submit(work)
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(running)), left)
        except TimeoutError as error:
            if not running.cancel():
                self._lose(running)
            raise TimedOutError("the handler did not answer in time") from error

    def _lose(self, running: "Future[Any]") -> None:
        self._lost += 1
        loop = asyncio.get_running_loop()
        running.add_done_callback(lambda _done: loop.call_soon_threadsafe(self._find))

    def _find(self) -> None:
        self._lost -= 1

    def close(self) -> None:
        """Waits for nobody: a thread that hangs ends with the process."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _preprocessed(handler: TfServingBaseService, data: Any) -> Mapping[str, Any]:
    found = _guarded(lambda: handler._preprocess(data), "_preprocess", _BAD_REQUEST)  # noqa: SLF001 - the API's own name
    if not isinstance(found, Mapping):
        raise HandlerFault(f"_preprocess must return inputs by name, and it returned {type(found).__name__}", 500)
    return found


def _postprocessed(handler: TfServingBaseService, outputs: Mapping[str, Any]) -> bytes:
    found = _guarded(lambda: handler._postprocess(outputs), "_postprocess", _INTERNAL_ERROR)  # noqa: SLF001 - as above
    try:
        return orjson.dumps(found, default=_as_json, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError as error:
        raise HandlerFault(f"what _postprocess returned is no JSON: {error}", _INTERNAL_ERROR) from error


def _as_json(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def _guarded(work: Callable[[], Result], method: str, status: int) -> Result:
    """The user's code, of whose exceptions the client is told the message and the log everything."""
    try:
        return work()
    except HandlerError as error:
        raise HandlerFault(str(error)[:_MOST_TEXT], error.status) from error
    except (Exception, SystemExit) as error:
        _log.exception("the handler's %s failed", method)
        is_requests = isinstance(error, _REQUESTS_FAULT) or type(error).__name__ in _TOO_MANY_PIXELS
        found = status if is_requests else _INTERNAL_ERROR
        raise HandlerFault(f"{method}: {type(error).__name__}: {error}"[:_MOST_TEXT], found) from error


def _signature(handle: Handle) -> Signature:
    """The signature that a handler uses: the only one, or the one that is named serving_default."""
    signatures = handle.model.signatures
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    found = signatures.get(DEFAULT_SIGNATURE)
    if found is None:
        raise InvalidInputError(one_signature_wanted(len(signatures)))
    return found


def one_signature_wanted(count: int) -> str:
    """The rule that a model with a handler must keep, as a sentence."""
    return (
        f"a model with a handler must have one signature, or one named {DEFAULT_SIGNATURE}: "
        f"this one has {count}, and none has that name"
    )


def _ask(inputs: Mapping[str, Any], signature: Signature) -> Ask:
    if inputs.keys() != signature.inputs.keys():
        raise HandlerFault(
            f"_preprocess must return the inputs {', '.join(signature.inputs)}, and it returned "
            f"{', '.join(map(str, inputs)) or 'none'}",
            _INTERNAL_ERROR,
        )
    return Ask({alias: _array(inputs[alias], alias, spec.data_type) for alias, spec in signature.inputs.items()})


def _array(value: Any, alias: str, wanted: DataType) -> Array:
    """Lists take the input's type; an array must have it already, or one that loses nothing."""
    try:
        if wanted is DataType.STRING:
            return np.asarray(value, object)
        if not isinstance(value, np.ndarray):
            return np.asarray(value, numpy_dtype(wanted))
        return value if of_array(value) is wanted else value.astype(numpy_dtype(wanted), casting="same_kind")
    except (TypeError, ValueError, OverflowError, KeyError) as error:
        raise HandlerFault(f"input {alias} of _preprocess is no {name(wanted)}: {error}", _INTERNAL_ERROR) from error


def _plain(_handle: Handle, _signature: Signature, outputs: Mapping[str, Array]) -> dict[str, Any]:
    """The outputs as numbers, text and nested lists."""
    return {
        alias: _texts(array.tolist()) if array.dtype.kind == "O" else array.tolist() for alias, array in outputs.items()
    }


def _texts(value: Any) -> Any:
    return [_texts(part) for part in value] if isinstance(value, list) else value.decode("utf-8", errors="replace")
