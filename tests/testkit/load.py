"""Requests that go on while something changes: REST and gRPC, over kept and over new connections, each answer looked at."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, Self

import grpc

from tfmodel.wire import messages

Ask = Callable[[], Any]
Asker = Callable[[], AbstractContextManager[Ask]]


class Load:
    """Asks in threads until it is stopped. `answers` counts what came, `failures` what went wrong.

    `pause` is between two requests of a thread: where a change takes seconds to come, more requests say no more.
    """

    def __init__(self, askers: Iterable[Asker], pause: float = 0.0) -> None:
        self._pause = pause
        self._stop = threading.Event()
        self.answers: Counter[Any] = Counter()
        self.failures: list[str] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._go_on, args=(make,), daemon=True) for make in askers]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """No request is begun any more."""
        self._stop.set()

    def __exit__(self, *_: object) -> None:
        self.stop()
        for thread in self._threads:
            thread.join(30)

    @property
    def count(self) -> int:
        return sum(self.answers.values()) + len(self.failures)

    def _go_on(self, make: Asker) -> None:
        with make() as ask:
            self._ask_on(ask)

    def _ask_on(self, ask: Ask) -> None:
        while not self._stop.is_set():
            try:
                answer = ask()
            except Exception as error:  # noqa: BLE001 - whatever went wrong is what is counted
                with self._lock:
                    self.failures.append(repr(error)[:500])
                continue
            with self._lock:
                self.answers[answer] += 1
            if self._pause:
                self._stop.wait(self._pause)


def rest(port: int, path: str, value: float, *, keeps: bool) -> Asker:
    """Asks over REST; the first prediction."""
    body = json.dumps({"instances": [value]})

    @contextmanager
    def make() -> Iterator[Ask]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

        def ask() -> Any:
            if not keeps:
                connection.close()
            connection.request("POST", path, body)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, (answer.status, text)
            return json.loads(text)["predictions"][0]

        with closing(connection):
            yield ask

    return make


def grpc_predict(port: int, model: str, value: float, *, keeps: bool, label: str = "") -> Asker:
    """Asks over gRPC; the first value of y."""
    request = messages.PredictRequest()
    request.model_spec.name = model
    if label:
        request.model_spec.version_label = label
    tensor = request.inputs["x"]
    tensor.dtype = 1
    tensor.tensor_shape.dim.add(size=1)
    tensor.float_val.append(value)
    serialized = request.SerializeToString()

    def channel() -> grpc.Channel:
        return grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])

    @contextmanager
    def make() -> Iterator[Ask]:
        kept = channel()

        def ask() -> Any:
            used = kept if keeps else channel()
            call = used.unary_unary("/tensorflow.serving.PredictionService/Predict")
            try:
                answer = messages.PredictResponse.FromString(call(serialized, timeout=30))
            finally:
                if not keeps:
                    used.close()
            return answer.outputs["y"].float_val[0]

        with kept:
            yield ask

    return make
