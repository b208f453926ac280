"""The path of a request: acquire a version, decode, run, encode, count. It knows no protocol.

Decoding and encoding need the signature, so they take place while the version is held; those of large requests in a thread, so
that they hold up nobody. A light call of the model is made in the event loop, any other in a slot, of which there is one a core;
which it is was measured (`engine.pace`). More requests than `most_waiting` are refused at once, since a queue that grows helps
nobody.

`predict` is the way of all requests. `at_once` is the same way for light ones, without a task of their own.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from tfmodel_runtime.batching.batching import Batching
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE, Ask, Signature
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.errors import (
    InvalidInputError,
    OverloadedError,
    RuntimeFault,
    SignatureNotFoundError,
    TimedOutError,
)
from tfmodel_runtime.observability.metrics import Metrics, Request
from tfmodel_runtime.running.inline import Inline
from tfmodel_runtime.running.slots import Slots
from tfmodel_runtime.running.traffic import Traffic
from tfmodel_runtime.running.work import LATE, Outputs, Work
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.servables.servable import Handle
from tfmodel_runtime.statuses import Code, code_of

Answer = TypeVar("Answer")
_log = logging.getLogger(__name__)
UNFORESEEN = RuntimeFault("internal error: see the server's log")
"""What is told of a failure that nobody foresaw."""
_LARGE_BYTES = 2**18


@dataclass(slots=True)
class Call:
    """What a protocol says of a request before its inputs are read.

    `body_bytes` is its size on the wire. `is_counted` is false where the caller counts it, since it does more than run the model.
    """

    model: str
    version: int | None
    label: str | None
    signature: str
    protocol: str
    method: str = "predict"
    timeout_seconds: float | None = None
    body_bytes: int = 0
    is_counted: bool = True


Decode = Callable[[Signature], Ask]
Encode = Callable[[Handle, Signature, Mapping[str, Array]], Answer]
Select = Callable[[Handle], Signature]


class Predictor:
    """Answers requests with the manager's versions. `close` ends its threads."""

    def __init__(
        self,
        manager: Manager,
        metrics: Metrics,
        *,
        threads: int,
        most_waiting: int,
        batching: Batching | None = None,
        polls: bool = False,
    ) -> None:
        self.manager = manager
        self.metrics = metrics
        self.slots = Slots(threads)
        self._inline = Inline()
        self._most_waiting = most_waiting
        self._batching = batching
        self.traffic = Traffic(polls=polls)
        metrics.in_flight.set_function(lambda: self.traffic.count)

    async def predict(
        self, call: Call, decode: Decode, encode: "Encode[Answer]", select: Select | None = None
    ) -> Answer:
        """The answer to a call. `select` finds its signature where it is not the one that the call names.

        Raises:
            RuntimeFault: a cause that the caller is told of.
        """
        begun = time.perf_counter()
        request = Request(call.model, "", "", call.method, call.protocol)
        code = Code.INTERNAL
        self._enter()
        try:
            with self.manager.acquire(call.model, call.version, call.label) as handle:
                request = request.of(str(handle.version), "")
                signature = select(handle) if select else _signature(handle, call)
                request = request.of(str(handle.version), signature.name)
                answer = await self._run(call, request, handle, signature, decode, encode)
            code = Code.OK
        except RuntimeFault as fault:
            code = code_of(fault)
            raise
        except asyncio.CancelledError:
            code = Code.CANCELLED
            raise
        finally:
            self.traffic.left()
            if call.is_counted:
                self.metrics.answered(request, code.name, time.perf_counter() - begun)
        return answer

    def at_once(
        self, call: Call, decode: Decode, encode: "Encode[Answer]", done: "Callable[[Answer | RuntimeFault], None]"
    ) -> bool:
        """Takes a light call: its answer, or why there is none, comes to `done` now or within a few turns of the loop.

        False if it is for `predict`, which tells what is wrong where something is; then nothing was done or counted. What the
        caller makes of the answer in `done` must not fail.
        """
        if not self.has_room():
            return False
        begun = time.perf_counter()
        try:
            servable, handle = self.manager.hold(call.model, call.version, call.label)
        except RuntimeFault:
            return False
        signature = handle.model.signatures.get(call.signature or DEFAULT_SIGNATURE)
        work = None if signature is None else self._light_work(call, handle, signature, decode)
        if work is None or signature is None:
            self.manager.release(servable)
            return False
        request = Request(call.model, str(handle.version), signature.name, call.method, call.protocol)
        self.traffic.entered()

        def finish(outputs: Outputs | None, error: BaseException | None) -> None:
            answer: Answer | RuntimeFault
            try:
                answer = self._encoded(request, begun, outputs, error, partial(encode, handle, signature))
                code = Code.OK
            except RuntimeFault as fault:
                answer, code = fault, code_of(fault)
            except Exception as unforeseen:  # noqa: BLE001 - the rim: who waits gets an answer and the log the cause
                _log.exception("a request failed in a way that was not foreseen", exc_info=unforeseen)
                answer, code = UNFORESEEN, Code.INTERNAL
            self.traffic.left()
            self.manager.release(servable)
            self.metrics.answered(request, code.name, time.perf_counter() - begun)
            done(answer)

        work.done = finish
        self._inline.submit(work)
        return True

    def has_room(self) -> bool:
        """Whether a light call may be made without its turn in a queue."""
        return self._batching is None and self.traffic.count < self._most_waiting

    def _encoded(
        self,
        request: Request,
        begun: float,
        outputs: Outputs | None,
        error: BaseException | None,
        encode: Callable[[Outputs], Answer],
    ) -> Answer:
        if error is not None:
            raise error
        self.metrics.ran(request, time.perf_counter() - begun)
        return encode(outputs or {})

    def _light_work(self, call: Call, handle: Handle, signature: Signature, decode: Decode) -> Work | None:
        """The call that is wanted, if it is light and can be read."""
        pace = handle.model.paces.get(signature.name)
        if pace is None or not pace.is_light():
            return None
        try:
            ask = decode(signature)
        except RuntimeFault:
            return None
        deadline = None if call.timeout_seconds is None else time.monotonic() + call.timeout_seconds
        work = Work(handle.model, signature, ask, deadline, None)
        work.look()
        return work if self._inline.takes(work) else None

    async def read(self, call: Call, reader: Callable[[], Answer]) -> Answer:
        """What a reader makes of a body, before the model is looked up; a body that it refuses is counted.

        Raises:
            RuntimeFault: the body is not what it should be.
        """
        begun = time.perf_counter()
        try:
            return await self._work(call.body_bytes, reader)
        except RuntimeFault as fault:
            request = Request(call.model, "", "", call.method, call.protocol)
            self.metrics.answered(request, code_of(fault).name, time.perf_counter() - begun)
            raise

    def tell(self, call: Call, telling: Callable[[], Answer]) -> Answer:
        """What is told of a model without running it, counted as TensorFlow Serving counts it.

        Raises:
            RuntimeFault: a cause that the caller is told of.
        """
        code = Code.OK
        try:
            return telling()
        except RuntimeFault as fault:
            code = code_of(fault)
            raise
        finally:
            self.metrics.told(Request(call.model, "", "", call.method, call.protocol), code.name)

    async def _run(
        self,
        call: Call,
        request: Request,
        handle: Handle,
        signature: Signature,
        decode: Decode,
        encode: "Encode[Answer]",
    ) -> Answer:
        deadline = None if call.timeout_seconds is None else time.monotonic() + call.timeout_seconds
        ask = await self._work(call.body_bytes, lambda: decode(signature))
        begun = time.perf_counter()
        outputs = await self._outputs(deadline, handle, signature, ask)
        self.metrics.ran(request, time.perf_counter() - begun)
        if ask.examples:
            self.metrics.tfserving.examples(request.model, ask.examples)
        size = sum(array.nbytes for array in outputs.values())
        return await self._work(size, lambda: encode(handle, signature, outputs))

    async def _work(self, size: int, work: Callable[[], Answer]) -> Answer:
        """Work on so many bytes: here, or in a thread if it may take long."""
        if size < _LARGE_BYTES:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self.slots.threads, work)

    async def _outputs(
        self, deadline: float | None, handle: Handle, signature: Signature, ask: Ask
    ) -> dict[str, Array]:
        left = None if deadline is None else deadline - time.monotonic()
        if self._batching is not None and self._batching.takes(handle.model, ask):
            try:
                return await asyncio.wait_for(self._batching.run(handle, signature, ask, deadline), left)
            except TimeoutError as error:
                raise TimedOutError(LATE) from error
        work = Work(handle.model, signature, ask, deadline, None)
        work.look()
        if not self._inline.takes(work):
            return await self.slots.run(work)
        return await self._in_loop(work)

    async def _in_loop(self, work: Work) -> Outputs:
        outcome: asyncio.Future[Outputs] = asyncio.get_running_loop().create_future()

        def done(outputs: Outputs | None, error: BaseException | None) -> None:
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(outputs or {})

        work.done = done
        self._inline.submit(work)
        try:
            return await outcome
        finally:
            work.done = None

    def _enter(self) -> None:
        if self.traffic.count >= self._most_waiting:
            raise OverloadedError(f"{self.traffic.count} requests are being answered; no more than that are taken")
        self.traffic.entered()

    def close(self) -> None:
        """Ends the threads once they are idle."""
        self.slots.close()
        if self._batching is not None:
            self._batching.close()


def _signature(handle: Handle, call: Call) -> Signature:
    """The signature that a call names; its absence is told as TensorFlow Serving tells it for the method and protocol."""
    name = call.signature or DEFAULT_SIGNATURE
    found = handle.model.signatures.get(name)
    if found is not None:
        return found
    if call.method in ("classify", "regress"):
        raise InvalidInputError(f"No signature was found with the name: {name}")
    if call.protocol == "rest":
        raise InvalidInputError(f'Serving signature name: "{name}" not found in signature def')
    raise SignatureNotFoundError(name)
