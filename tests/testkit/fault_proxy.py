"""A proxy before the API server that answers watches as a test tells it: with an error, a closed stream, or the truth."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path

import yaml
from aiohttp import ClientSession, TCPConnector, web

from testkit.apiserver import TOKEN

GONE_EVENT = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","code":410,"reason":"Expired"}}\n'
)


class FaultProxy:
    """Passes everything on, but watches while a fault is set.

    `fault` is None, an HTTP status (also for lists and writes), "gone" (410 in the stream) or "close" (the stream ends at once).
    `faults` counts what was answered so.
    """

    def __init__(self, target: str, kubeconfig: Path, folder: Path) -> None:
        self._target = target
        self.fault: int | str | None = None
        self.faults = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = threading.Event()
        self._thread.start()
        assert self._started.wait(10)
        config = yaml.safe_load(kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self.port}"}
        self.kubeconfig = folder / "proxy-kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(config))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _start(self) -> None:
        insecure = ssl.create_default_context()
        insecure.check_hostname = False
        insecure.verify_mode = ssl.CERT_NONE
        self._session = ClientSession(connector=TCPConnector(ssl=insecure, limit=0))
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._started.set()

    async def _end(self) -> None:
        await self._session.close()
        await self._runner.cleanup()
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    def stop(self) -> None:
        """Ends the proxy."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        is_watch = request.query.get("watch") == "true"
        if self.fault is not None and (is_watch or isinstance(self.fault, int)):
            return await self._fail(request)
        return await self._relay(request)

    async def _fail(self, request: web.Request) -> web.StreamResponse:
        self.faults += 1
        if isinstance(self.fault, int):
            body = {"kind": "Status", "status": "Failure", "code": self.fault, "message": "ordered by the test"}
            return web.json_response(body, status=self.fault, headers={"Retry-After": "1"})
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if self.fault == "gone":
            await response.write(GONE_EVENT)
        await asyncio.sleep(0.2)
        await response.write_eof()
        return response

    async def _relay(self, request: web.Request) -> web.StreamResponse:
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in ("host", "accept-encoding")
        }
        headers["Authorization"] = f"Bearer {TOKEN}"
        body = await request.read()
        url = f"{self._target}{request.raw_path}"
        async with self._session.request(
            request.method, url, headers=headers, data=body or None, timeout=None
        ) as answer:
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
                if self.fault is not None and request.query.get("watch") == "true":
                    break
            await response.write_eof()
            return response
