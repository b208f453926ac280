"""What only people ask for, by FastAPI: the documentation of what is loaded, and words for paths and methods that do not exist.

Nothing imports this before it is asked for.
"""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tfmodel_runtime.rest.docs import Docs
from tfmodel_runtime.servables.manager import Manager


def pages(known: list[str], manager: Manager | None) -> FastAPI:
    """The application; `known` are the paths that are answered elsewhere to GET. Without a manager there is no documentation."""
    app = FastAPI(title="tfmodel runtime", openapi_url=None)

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> JSONResponse:
        """An error in the form of all others."""
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    for path in known:
        app.get(path)(_elsewhere)
    if manager is not None:
        Docs(manager).add_to(app)
    return app


async def _elsewhere() -> None:
    """GET is answered before FastAPI is asked."""
