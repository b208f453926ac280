"""Answers a request with the handler: `_preprocess`, the model, `_postprocess`.

The user's code runs in threads of its own. A call that does not end in time is given up, and its thread with it; once every
thread is lost so, requests are refused, and the server is neither ready nor alive, so that Kubernetes sends them elsewhere and
starts it anew. A new handler gets new threads at once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import orjson

from tfmodel.serving import HandlerError, TfServingBaseService
from tfmodel.wire.dtypes import DataType, name, numpy_dtype, of_array
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE, Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import HandlerFault, InvalidInputError, OverloadedError, RuntimeFault, TimedOutError
from tfmodel_runtime.handler.threads import Threads
from tfmodel_runtime.observability.metrics import Metrics, Request
from tfmodel_runtime.predict import Call, Predictor
from tfmodel_runtime.servables.servable import Handle
from tfmodel_runtime.statuses import Code, code_of

_log = logging.getLogger(__name__)
_BAD_REQUEST, _INTERNAL_ERROR = 400, 500
_REQUESTS_FAULT = (ValueError, TypeError, KeyError, OSError)
_TOO_MANY_PIXELS = ("DecompressionBombError", "DecompressionBombWarning")
_MOST_TEXT = 1000
Result = TypeVar("Result")


class Asked:
    """What a request asks for, of which more is known once its version is found."""

    def __init__(self, request: Request) -> None:
        self.request = request

    def signature(self, handle: Handle) -> Signature:
        """The signature of the version that answers."""
        found = _signature(handle)
        self.request = self.request.of(str(handle.version), found.name)
        return found


class HandlerService:
    """The handler of one model. `handler` is None until a file could be loaded."""

    def __init__(
        self,
        model: str,
        predictor: Predictor,
        metrics: Metrics,
        *,
        timeout_seconds: float,
        threads: int,
        most_waiting: int,
    ) -> None:
        self.handler: TfServingBaseService | None = None
        self.load_error = "it was not loaded yet"
        self._model = model
        self._predictor = predictor
        self._metrics = metrics
        self._timeout_seconds = timeout_seconds
        self._threads = Threads(threads, metrics.handler_hangs)
        self._most_waiting = most_waiting
        self._in_flight = 0

    def use(self, handler: TfServingBaseService) -> None:
        """Answers requests that come from now on with another handler, which does not pay for threads that hang."""
        self.handler, self.load_error = handler, ""
        if self._threads.lost:
            self._threads.close()
            self._threads = Threads(self._threads.count, self._metrics.handler_hangs)

    def hang(self) -> str | None:
        """That every thread hangs, in words; None if one does not."""
        count = self._threads.count
        return f"all {count} threads of the handler hang" if self._threads.lost >= count else None

    def objection(self) -> str | None:
        """Why the handler cannot answer; None if it can."""
        if self.handler is None:
            return f"the handler cannot be used: {self.load_error}"
        return self.hang()

    async def answer(self, data: Any) -> bytes:
        """The JSON of the answer to a request's data.

        Raises:
            HandlerFault: the handler refused the request, or failed.
            OverloadedError: it cannot be used, hangs, or has more requests than may wait.
            TimedOutError: it took too long.
            RuntimeFault: the model refused or failed.
        """
        begun = time.perf_counter()
        self._in_flight += 1
        asked = Asked(Request(self._model, "", "", "handle", "rest"))
        code = Code.INTERNAL
        try:
            answer = await self._answer(data, asked, begun)
            code = Code.OK
        except RuntimeFault as fault:
            code = code_of(fault)
            raise
        except asyncio.CancelledError:
            code = Code.CANCELLED
            raise
        finally:
            self._in_flight -= 1
            self._metrics.answered(asked.request, code.name, time.perf_counter() - begun)
        return answer

    async def _answer(self, data: Any, asked: "Asked", begun: float) -> bytes:
        handler = self._usable()
        inputs = await self._in_thread(lambda: _preprocessed(handler, data), begun)
        left = self._timeout_seconds - (time.perf_counter() - begun)
        call = Call(self._model, None, None, "", "rest", "handle", timeout_seconds=left, is_counted=False)
        status = _status_of_inputs(handler)
        outputs = await self._predictor.predict(
            call, lambda signature: _ask(inputs, signature, status), _plain, asked.signature
        )
        return await self._in_thread(lambda: _postprocessed(handler, outputs), begun, is_begun=True)

    def _usable(self) -> TfServingBaseService:
        reason = self.objection()
        if self.handler is None or reason is not None:
            raise OverloadedError(str(reason))
        if self._in_flight > self._most_waiting:
            raise OverloadedError(f"{self._most_waiting} requests are with the handler; no more than that are taken")
        return self.handler

    async def _in_thread(self, work: Callable[[], Result], begun: float, *, is_begun: bool = False) -> Result:
        left = self._timeout_seconds - (time.perf_counter() - begun)
        try:
            return await self._threads.run(work, left, is_begun=is_begun)
        except TimeoutError as error:
            raise TimedOutError("the handler did not answer in time") from error


def _preprocessed(handler: TfServingBaseService, data: Any) -> Mapping[str, Any]:
    found = _guarded(lambda: handler._preprocess(data), "_preprocess", _BAD_REQUEST)  # noqa: SLF001 - the API's own name
    if not isinstance(found, Mapping):
        raise HandlerFault(
            f"_preprocess must return inputs by name, and it returned {type(found).__name__}",
            _status_of_inputs(handler),
        )
    return found


def _status_of_inputs(handler: TfServingBaseService) -> int:
    """The status for inputs that do not fit the model: without a `_preprocess` of the handler's they are the request itself."""
    is_request = type(handler)._preprocess is TfServingBaseService._preprocess  # noqa: SLF001 - as above
    return _BAD_REQUEST if is_request else _INTERNAL_ERROR


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


def _ask(inputs: Mapping[str, Any], signature: Signature, status: int) -> Ask:
    if inputs.keys() != signature.inputs.keys():
        raise HandlerFault(
            f"_preprocess must return the inputs {', '.join(signature.inputs)}, and it returned "
            f"{', '.join(map(str, inputs)) or 'none'}",
            status,
        )
    try:
        return Ask({alias: _array(inputs[alias], alias, spec.data_type) for alias, spec in signature.inputs.items()})
    except ValueError as error:
        raise HandlerFault(str(error), status) from error


def _array(value: Any, alias: str, wanted: DataType) -> Array:
    """Lists take the input's type; an array must have it already, or one that loses nothing.

    Raises:
        ValueError: it does not fit.
    """
    try:
        if wanted is DataType.STRING:
            return np.asarray(value, object)
        if not isinstance(value, np.ndarray):
            return np.asarray(value, numpy_dtype(wanted))
        return value if of_array(value) is wanted else value.astype(numpy_dtype(wanted), casting="same_kind")
    except (TypeError, ValueError, OverflowError, KeyError) as error:
        raise ValueError(f"input {alias} of _preprocess is no {name(wanted)}: {error}") from error


def _plain(_handle: Handle, _signature: Signature, outputs: Mapping[str, Array]) -> dict[str, Any]:
    """The outputs as numbers, text and nested lists."""
    return {
        alias: _texts(array.tolist()) if array.dtype.kind == "O" else array.tolist() for alias, array in outputs.items()
    }


def _texts(value: Any) -> Any:
    return [_texts(part) for part in value] if isinstance(value, list) else value.decode("utf-8", errors="replace")
