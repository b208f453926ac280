"""Follows the handler file: a new content that can be used replaces the handler, one that cannot is told and changes nothing."""

import asyncio
import logging
from functools import partial
from pathlib import Path

from tfmodel.serving import TfServingBaseService
from tfmodel_runtime.handler import loading
from tfmodel_runtime.handler.loading import HandlerLoadError
from tfmodel_runtime.handler.service import HandlerService
from tfmodel_runtime.handler.threads import Threads
from tfmodel_runtime.observability.metrics import Metrics

_log = logging.getLogger(__name__)
_POLL_SECONDS = 1.0
_MOST_LOAD_SECONDS = 60.0


class HandlerFile:
    """The file, and what was made of it last."""

    def __init__(
        self,
        path: Path,
        service: HandlerService,
        metrics: Metrics,
        *,
        model: tuple[str, str],
        most_load_seconds: float = _MOST_LOAD_SECONDS,
    ) -> None:
        self._path = path
        self._service = service
        self._metrics = metrics
        self._model_name, self._model_path = model
        self._most_load_seconds = most_load_seconds
        self._source: str | None = None

    async def follow(self) -> None:
        """Loads the file, and loads it again whenever its content changes, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_POLL_SECONDS)

    async def look(self) -> None:
        """Loads the file if its content is new."""
        try:
            source = await asyncio.to_thread(self._path.read_text)
        except (OSError, UnicodeDecodeError) as error:
            reason = f"{self._path.name} cannot be read: {error}"
            if reason != self._service.load_error:
                self._refuse(reason)
            return
        if source == self._source:
            return
        self._source = source
        try:
            handler = await self._loaded(source)
        except HandlerLoadError as error:
            self._refuse(str(error))
            return
        self._service.use(handler)
        self._metrics.handler_loaded(is_loaded=True)
        _log.info("handler %s of %s is loaded", type(handler).__name__, self._path.name)

    async def _loaded(self, source: str) -> TfServingBaseService:
        """The handler, loaded in a thread of its own, which is given up when it hangs."""
        threads = Threads(1)
        names = {"model_name": self._model_name, "model_path": self._model_path}
        try:
            return await threads.run(partial(loading.load, self._path, source, **names), self._most_load_seconds)
        except TimeoutError as error:
            told = f"handler {self._path.name} was not loaded within {self._most_load_seconds:g} seconds"
            raise HandlerLoadError(told) from error
        finally:
            threads.close()

    def _refuse(self, reason: str) -> None:
        self._service.load_error = reason
        self._metrics.handler_loaded(is_loaded=False)
        kept = "the one before serves on" if self._service.handler else "there is none yet"
        _log.error("the handler cannot be used, and %s: %s", kept, reason)
