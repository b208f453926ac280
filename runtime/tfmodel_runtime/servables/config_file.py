"""Follows a models.config file: a new content that can be read replaces the models, one that cannot is told and left alone."""

import asyncio
import logging
from pathlib import Path

from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.servables import config
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.servables.servable import ModelConfig

_log = logging.getLogger(__name__)


class ConfigFile:
    """A file that is read at the start and, where `poll_seconds` is not 0, again and again."""

    def __init__(self, path: Path, *, poll_seconds: float, is_managed: bool) -> None:
        self._path = path
        self._poll_seconds = poll_seconds
        self._is_managed = is_managed
        self._text = ""

    def read(self) -> list[ModelConfig]:
        """The models in the file.

        Raises:
            OSError, UnicodeDecodeError: it cannot be read.
            InvalidInputError: it is no configuration.
        """
        text = self._path.read_text()
        found = config.models(config.parse(text), is_managed=self._is_managed)
        self._text = text
        return found

    async def follow(self, manager: Manager) -> None:
        """Applies each new content until cancelled."""
        told = ""
        while self._poll_seconds:
            await asyncio.sleep(self._poll_seconds)
            before = self._text
            try:
                found = await asyncio.to_thread(self.read)
            except (OSError, UnicodeDecodeError, InvalidInputError) as error:
                if str(error) != told:
                    _log.error("%s cannot be used, and what was configured before stays: %s", self._path, error)
                told = str(error)
                continue
            told = ""
            if self._text != before:
                _log.info("%s has changed: %s", self._path, ", ".join(sorted(one.name for one in found)))
                manager.configure(found)
