"""As much of a client of the API server as the stand-in controllers need."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any, Self

import aiohttp

from testkit.apiserver import TOKEN

Json = dict[str, Any]
_MERGE = {"Content-Type": "application/merge-patch+json"}
_LONGEST_LINE = 2**22


class Client:
    """JSON in, JSON out, as the administrator of the tests' API server."""

    def __init__(self, url: str) -> None:
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        self._session = aiohttp.ClientSession(
            url,
            connector=aiohttp.TCPConnector(ssl=tls, limit=40),
            headers={"Authorization": f"Bearer {TOKEN}", "User-Agent": "tfmodel-bench"},
            read_bufsize=_LONGEST_LINE,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def create(self, path: str, body: Json) -> Json:
        return await self._call("POST", path, body, {})

    async def patch(self, path: str, body: Json) -> Json:
        return await self._call("PATCH", path, body, _MERGE)

    async def delete(self, path: str) -> None:
        await self._call("DELETE", path, {"gracePeriodSeconds": 0}, {})

    async def list(self, path: str) -> Json:
        return await self._call("GET", path, None, {})

    async def _call(self, method: str, path: str, body: Json | None, headers: Json) -> Json:
        async with self._session.request(method, path, json=body, headers=headers) as answer:
            found = await answer.json(content_type=None)
            if not answer.ok:
                raise RuntimeError(f"{method} {path}: {answer.status} {found.get('message')}")
            return dict(found)

    async def watch(self, path: str, selector: str = "") -> AsyncIterator[tuple[str, Json]]:
        """Type and object of each event, for ever; begins with what there is."""
        since = ""
        while True:
            params = {"watch": "true", "labelSelector": selector, "resourceVersion": since}
            try:
                async with self._session.get(path, params=params, timeout=aiohttp.ClientTimeout(total=None)) as answer:
                    answer.raise_for_status()
                    async for line in answer.content:
                        event = json.loads(line)
                        since = event["object"]["metadata"].get("resourceVersion", since)
                        yield event["type"], event["object"]
            except aiohttp.ClientError:
                await asyncio.sleep(1)
