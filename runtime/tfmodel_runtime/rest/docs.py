"""/docs and /openapi.json: the API of what is loaded now, without network."""

import asyncio
from collections.abc import Mapping
from importlib.metadata import version
from weakref import WeakKeyDictionary

import swagger_ui_bundle
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.tensors import Array
from tfmodel_runtime.engine.warmup import example_feeds
from tfmodel_runtime.errors import ModelNotFoundError, RuntimeFault
from tfmodel_runtime.rest import openapi
from tfmodel_runtime.servables.manager import Manager

_MOST_EXAMPLE_ELEMENTS = 1000
Examples = Mapping[str, Mapping[str, Array]]


class Docs:
    """Describes the loaded versions; their examples are tried once."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._examples: WeakKeyDictionary[SavedModel, Examples] = WeakKeyDictionary()

    def add_to(self, app: FastAPI) -> None:
        """Adds the two pages and what they need."""
        app.mount("/docs/files", StaticFiles(directory=str(swagger_ui_bundle.swagger_ui_path)))

        @app.get("/openapi.json")
        async def document() -> openapi.Json:
            """The API of what is loaded now."""
            return await self.document()

        @app.get("/docs")
        async def page() -> HTMLResponse:
            """The same for people."""
            return get_swagger_ui_html(
                openapi_url="/openapi.json",
                title="Models",
                swagger_js_url="/docs/files/swagger-ui-bundle.js",
                swagger_css_url="/docs/files/swagger-ui.css",
                swagger_favicon_url="/docs/files/favicon-32x32.png",
            )

    async def document(self) -> openapi.Json:
        """The OpenAPI document."""
        found: list[openapi.Version] = []
        for name in sorted(self._manager.names()):
            for number in self._manager.available(name):
                try:
                    with self._manager.acquire(name, number) as handle:
                        examples = await asyncio.to_thread(self._tried, handle.model)
                        found.append(openapi.Version(name, number, dict(handle.model.signatures), examples))
                except ModelNotFoundError:
                    continue
        return openapi.document(found, release=version("tfmodel"))

    def _tried(self, model: SavedModel) -> Examples:
        """A request that the model answered, by signature."""
        found = self._examples.get(model)
        if found is None:
            found = self._examples[model] = {
                name: feeds for name in model.signatures if (feeds := _working(model, name)) is not None
            }
        return found


def _working(model: SavedModel, name: str) -> Mapping[str, Array] | None:
    feeds = example_feeds(model.signatures[name])
    if feeds is None or sum(array.size for array in feeds.values()) > _MOST_EXAMPLE_ELEMENTS:
        return None
    try:
        model.run(model.signatures[name], feeds)
    except RuntimeFault:
        return None
    return feeds
