"""Asks ready runtime pods which versions they serve: the one truth that no object of the API holds.

It asks the pods' admin port, which answers without certificate and token, so that the operator needs neither.
Bounded in time and size; a pod that does not answer in time tells nothing, and nothing is said of it.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import aiohttp

from tfmodel_operator.read import at, name_of
from tfmodel_operator.values import Manifest, ServedVersion

_TIMEOUT = aiohttp.ClientTimeout(total=2)
_MOST_BYTES = 64 * 1024
_ADMIN_PORT = 8502


class RuntimeProbe:
    """Asks pods over one session."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, model: str, pods: Iterable[Manifest]) -> dict[str, tuple[ServedVersion, ...]]:
        """Answers by the pods' names; a pod that did not answer is absent."""
        asked = [pod for pod in pods if at(pod, "status", "podIP")]
        answers = await asyncio.gather(*(self._ask_one(model, str(at(pod, "status", "podIP"))) for pod in asked))
        pairs = zip(asked, answers, strict=True)
        return {name_of(pod): answer for pod, answer in pairs if answer is not None}

    async def _ask_one(self, model: str, address: str) -> tuple[ServedVersion, ...] | None:
        host = f"[{address}]" if ":" in address else address
        url = f"http://{host}:{_ADMIN_PORT}/v1/models/{model}"
        try:
            async with self._session.get(url, timeout=_TIMEOUT, allow_redirects=False) as answer:
                text = await _bounded(answer.content)
                return _versions(json.loads(text)) if answer.ok else None
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
            return None


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    """The body, however many packets it comes in.

    Raises:
        ValueError: it is too long to be an answer.
    """
    found = b""
    async for part in content.iter_chunked(_MOST_BYTES):
        found += part
        if len(found) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES} bytes")
    return found


def _versions(answer: Any) -> tuple[ServedVersion, ...]:
    return tuple(
        ServedVersion(int(one["version"]), str(one["state"]), str(one["status"]["error_message"]))
        for one in answer["model_version_status"]
    )
