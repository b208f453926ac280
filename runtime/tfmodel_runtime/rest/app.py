"""All that the REST port answers: /v1/ by `api_v1`, /v2 by `api_v2`, / by the handler, the rest by `Operations`.

And the admin port.
"""

import asyncio
from collections.abc import Awaitable, Callable

import orjson

from tfmodel_runtime.lifecycle_state import Readiness
from tfmodel_runtime.observability.metrics import CONTENT_TYPE, Metrics
from tfmodel_runtime.processes.board import Area
from tfmodel_runtime.processes.siblings import Siblings
from tfmodel_runtime.rest.api_v1 import ApiV1
from tfmodel_runtime.rest.api_v2 import ApiV2
from tfmodel_runtime.rest.asgi import Answer, Receive, Scope, Send, raw_path, send_answer
from tfmodel_runtime.rest.gate import Application
from tfmodel_runtime.rest.paths import is_of_api, parse

_NOT_READY = 503


class Operations:
    """Health and metrics; TensorFlow Serving's own metrics under their path, if one is given.

    Whatever else is asked for is answered by `pages`, which is made when it is first asked: probes and metrics need no web
    framework, and a pod that starts has no time for one.
    """

    def __init__(
        self,
        readiness: Readiness,
        metrics: Metrics,
        pages: Callable[[], Application],
        *,
        tfserving_path: str | None = None,
        siblings: Siblings | None = None,
    ) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._pages = pages
        self._siblings = siblings
        self._made: Application | None = None
        self._lock = asyncio.Lock()
        self._answers: dict[str, Callable[[], Awaitable[Answer]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._exposition,
        }
        if tfserving_path:
            self._answers[tfserving_path] = self._tfserving_exposition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or hands the request on."""
        answer = self._answers.get(scope["path"])
        if answer is not None and scope["method"] == "GET":
            await send_answer(send, await answer(), closes=False)
            return
        async with self._lock:
            if self._made is None:
                self._made = await asyncio.to_thread(self._pages)
        await self._made(scope, receive, send)

    async def _healthz(self) -> Answer:
        """Whether the process answers and the user's code does not hang; says nothing of models."""
        return _told(self._readiness.hang(), "ok")

    async def _readyz(self) -> Answer:
        """Whether requests should be sent here, and if not, why."""
        return _told(self._readiness.objection(), "ready")

    async def _exposition(self) -> Answer:
        """Metrics in Prometheus' text format."""
        told = await self._siblings.exposition(Area.METRICS) if self._siblings else self._metrics.exposition()
        return Answer(200, told, CONTENT_TYPE.encode())

    async def _tfserving_exposition(self) -> Answer:
        """TensorFlow Serving's own metrics."""
        own = self._metrics.tfserving
        told = await self._siblings.exposition(Area.TFSERVING) if self._siblings else own.exposition()
        return Answer(200, told, b"text/plain; charset=utf-8")


def _told(reason: str | None, good: str) -> Answer:
    if reason is None:
        return Answer(200, orjson.dumps({"status": good}))
    return Answer(_NOT_READY, orjson.dumps({"status": f"not {good}", "reason": reason}))


class RestApp:
    """The ASGI application of the REST port."""

    def __init__(
        self, api: ApiV1, api_v2: ApiV2, operations_app: Application, handle: Application | None = None
    ) -> None:
        self._api = api
        self._api_v2 = api_v2
        self._operations = operations_app
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands the request on."""
        path = scope["path"] if scope["type"] == "http" else ""
        if is_of_api(path):
            await self._api(scope, receive, send)
        elif path == "/v2" or path.startswith("/v2/"):
            await self._api_v2(scope, receive, send)
        elif path == "/" and self._handle is not None:
            await self._handle(scope, receive, send)
        else:
            await self._operations(scope, receive, send)


class AdminApp:
    """The ASGI application of the admin port: health, metrics and the status of models, for who has no certificate or token."""

    def __init__(self, api: ApiV1, operations_app: Application) -> None:
        self._api = api
        self._operations = operations_app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands the request on."""
        target = parse(scope["method"], raw_path(scope))
        if target is not None and target.action == "status":
            await self._api(scope, receive, send)
        else:
            await self._operations(scope, receive, send)
