"""All that the REST port answers: /v1/ by `api_v1`, /v2 by `api_v2`, / by the handler, the rest by FastAPI. And the admin port."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tfmodel_runtime.lifecycle_state import Readiness
from tfmodel_runtime.observability.metrics import CONTENT_TYPE, Metrics
from tfmodel_runtime.rest.api_v1 import ApiV1
from tfmodel_runtime.rest.api_v2 import ApiV2
from tfmodel_runtime.rest.asgi import Receive, Scope, Send, raw_path
from tfmodel_runtime.rest.handle import Handle
from tfmodel_runtime.rest.paths import is_of_api, parse

_NOT_READY = 503


def operations(readiness: Readiness, metrics: Metrics, *, tfserving_path: str | None = None) -> FastAPI:
    """Health and metrics; TensorFlow Serving's own metrics under their path, if one is given."""
    app = FastAPI(title="tfmodel runtime", openapi_url=None)

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> JSONResponse:
        """An error in the form of all others."""
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    @app.get("/healthz")
    async def healthz(response: Response) -> dict[str, str]:
        """Whether the process answers and the user's code does not hang; says nothing of models."""
        reason = readiness.hang()
        if reason is not None:
            response.status_code = _NOT_READY
            return {"status": "not ok", "reason": reason}
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz(response: Response) -> dict[str, str]:
        """Whether requests should be sent here, and if not, why."""
        reason = readiness.objection()
        if reason is not None:
            response.status_code = _NOT_READY
            return {"status": "not ready", "reason": reason}
        return {"status": "ready"}

    @app.get("/metrics")
    async def exposition() -> Response:
        """Metrics in Prometheus' text format."""
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)

    if tfserving_path:

        @app.get(tfserving_path)
        async def tfserving_exposition() -> Response:
            """TensorFlow Serving's own metrics."""
            return Response(metrics.tfserving.exposition(), media_type="text/plain")

    return app


class RestApp:
    """The ASGI application of the REST port."""

    def __init__(self, api: ApiV1, api_v2: ApiV2, operations_app: FastAPI, handle: Handle | None = None) -> None:
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

    def __init__(self, api: ApiV1, operations_app: FastAPI) -> None:
        self._api = api
        self._operations = operations_app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands the request on."""
        target = parse(scope["method"], raw_path(scope))
        if target is not None and target.action == "status":
            await self._api(scope, receive, send)
        else:
            await self._operations(scope, receive, send)
