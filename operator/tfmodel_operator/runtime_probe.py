"""Asks pods for the truths that no object of the API holds: which versions they serve, and how far a training is.

It asks the runtime pods' admin port, which answers without certificate and token, so that the operator needs neither.
Bounded in time and size; a pod that does not answer in time tells nothing, and nothing is said of it.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import aiohttp

from tfmodel.contract import PROGRESS_PORT
from tfmodel.progress import Progress
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

    async def ask_progress(self, pods: Iterable[Manifest]) -> dict[str, Progress]:
        """Progress by the pods' names; a pod that did not answer, or told what cannot be read, is absent."""
        asked = [pod for pod in pods if at(pod, "status", "podIP")]
        bodies = await asyncio.gather(
            *(self._get(str(at(pod, "status", "podIP")), PROGRESS_PORT, "/progress") for pod in asked)
        )
        told = {
            name_of(pod): Progress.from_json(body) for pod, body in zip(asked, bodies, strict=True) if body is not None
        }
        return {name: progress for name, progress in told.items() if progress is not None}

    async def _ask_one(self, model: str, address: str) -> tuple[ServedVersion, ...] | None:
        body = await self._get(address, _ADMIN_PORT, f"/v1/models/{model}")
        try:
            return None if body is None else _versions(json.loads(body))
        except (ValueError, KeyError, TypeError):
            return None

    async def _get(self, address: str, port: int, path: str) -> bytes | None:
        host = f"[{address}]" if ":" in address else address
        try:
            async with self._session.get(
                f"http://{host}:{port}{path}", timeout=_TIMEOUT, allow_redirects=False
            ) as answer:
                body = await _bounded(answer.content)
                return body if answer.ok else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
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
