"""The path of a prediction: acquire a version, decode, run, encode, count. It knows no protocol.

Decoding and encoding need the signature, so they take place while the version is held. The model runs in a thread of a pool of
bounded size; more requests than `most_waiting` are refused at once, since a queue that grows helps nobody.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.signature import Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import OverloadedError, RuntimeFault, SignatureNotFoundError, TimedOutError
from tfmodel_runtime.observability.metrics import Metrics
from tfmodel_runtime.servables.manager import Handle, Manager
from tfmodel_runtime.statuses import Code, code_of

Answer = TypeVar("Answer")
DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True, slots=True)
class Call:
    """What a protocol says of a request before its inputs are read."""

    model: str
    version: int | None
    label: str | None
    signature: str
    protocol: str
    method: str = "predict"
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What a codec made of a request for a signature."""

    feeds: Mapping[str, Array]
    fetches: Sequence[str] | None = None


Decode = Callable[[Signature], Ask]
Encode = Callable[[Handle, Signature, Mapping[str, Array]], Answer]


class Predictor:
    """Answers predictions with the manager's versions. `close` ends its threads."""

    def __init__(self, manager: Manager, metrics: Metrics, *, threads: int, most_waiting: int) -> None:
        self._manager = manager
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="predict")
        self._most_waiting = most_waiting
        self.in_flight = 0

    async def predict(self, call: Call, decode: Decode, encode: "Encode[Answer]") -> Answer:
        """The answer to a call.

        Raises:
            RuntimeFault: a cause that the caller is told of.
        """
        begun = time.perf_counter()
        labels = ("", "", "")
        code = Code.INTERNAL
        self._enter()
        try:
            with self._manager.acquire(call.model, call.version, call.label) as handle:
                labels = (handle.name, str(handle.version), "")
                signature = _signature(handle, call.signature)
                labels = (handle.name, str(handle.version), signature.name)
                answer = await self._run(call, handle, signature, decode, encode)
            code = Code.OK
        except RuntimeFault as fault:
            code = code_of(fault)
            raise
        finally:
            self._leave(call, labels, code, time.perf_counter() - begun)
        return answer

    async def _run(
        self, call: Call, handle: Handle, signature: Signature, decode: Decode, encode: "Encode[Answer]"
    ) -> Answer:
        deadline = None if call.timeout_seconds is None else time.monotonic() + call.timeout_seconds
        ask = decode(signature)
        work = self._threads.submit(_run_until, deadline, handle.model, signature, ask)
        running = asyncio.wrap_future(work)
        try:
            outputs = await asyncio.wait_for(asyncio.shield(running), call.timeout_seconds)
        except (TimeoutError, asyncio.CancelledError) as gone:
            if not work.cancel():
                await _end_of(running)
            if isinstance(gone, TimeoutError):
                raise TimedOutError("Timed out waiting for notification") from gone
            raise
        return encode(handle, signature, outputs)

    def _enter(self) -> None:
        if self.in_flight >= self._most_waiting:
            raise OverloadedError(f"{self.in_flight} requests are being answered; no more than that are taken")
        self.in_flight += 1
        self._metrics.in_flight.inc()

    def _leave(self, call: Call, labels: tuple[str, str, str], code: Code, seconds: float) -> None:
        self.in_flight -= 1
        self._metrics.in_flight.dec()
        named = (*labels, call.method, call.protocol)
        self._metrics.requests.labels(*named, code.name).inc()
        if code is Code.OK:
            self._metrics.request_seconds.labels(*named).observe(seconds)

    def close(self) -> None:
        """Ends the threads once they are idle."""
        self._threads.shutdown(wait=True)


def _run_until(deadline: float | None, model: SavedModel, signature: Signature, ask: Ask) -> dict[str, Array]:
    """Runs in a thread; a request that waited for one has less time left for the model."""
    left = None if deadline is None else deadline - time.monotonic()
    return model.run(signature, ask.feeds, ask.fetches, timeout_seconds=left)


async def _end_of(running: "asyncio.Future[dict[str, Array]]") -> None:
    """Waits for a run whose outcome nobody wants any more, however often the waiting is cancelled.

    A thread cannot be interrupted, and the version that it runs must be held for as long as it does.
    """
    while not running.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([running])
    running.exception()


def _signature(handle: Handle, name: str) -> Signature:
    found = handle.model.signatures.get(name or DEFAULT_SIGNATURE)
    if found is None:
        raise SignatureNotFoundError(name or DEFAULT_SIGNATURE)
    return found
