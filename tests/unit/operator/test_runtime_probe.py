"""Asking runtime pods what they serve, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from testkit.apiserver import free_port
from tfmodel_operator import runtime_probe
from tfmodel_operator.runtime_probe import RuntimeProbe

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def told(*versions: int) -> bytes:
    status = {"error_code": "OK", "error_message": ""}
    return json.dumps(
        {"model_version_status": [{"version": str(one), "state": "AVAILABLE", "status": status} for one in versions]}
    ).encode()


@pytest.fixture
async def asked(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[Answer], Awaitable[dict[str, Any]]]]:
    """Asks one pod that answers as the test says."""
    port = free_port()
    monkeypatch.setattr(runtime_probe, "_ADMIN_PORT", port)
    monkeypatch.setattr(runtime_probe, "_TIMEOUT", aiohttp.ClientTimeout(total=0.5))
    runners: list[web.AppRunner] = []

    async def ask(answer: Answer) -> dict[str, Any]:
        app = web.Application()
        app.add_routes([web.get("/v1/models/iris", answer)])
        runner = web.AppRunner(app, shutdown_timeout=0.05)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        pod = {"metadata": {"name": "iris-0"}, "status": {"podIP": "127.0.0.1"}}
        starting = {"metadata": {"name": "iris-1"}, "status": {}}
        async with aiohttp.ClientSession() as session:
            return dict(await RuntimeProbe(session).ask("iris", [pod, starting]))

    yield ask
    for runner in runners:
        await runner.cleanup()


async def test_a_long_answer_in_many_packets_is_read_whole(
    asked: Callable[[Answer], Awaitable[dict[str, Any]]],
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        body = told(*range(1, 41))
        for begin in range(0, len(body), 1000):
            await response.write(body[begin : begin + 1000])
            await asyncio.sleep(0)
        return response

    assert [one.version for one in (await asked(answer))["iris-0"]] == list(range(1, 41))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"model_version_status": [{"version": "x"}]}', told(1) + b" " * 65536]
)
async def test_an_answer_that_is_not_understood_tells_nothing(
    asked: Callable[[Answer], Awaitable[dict[str, Any]]], body: bytes
) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body)

    assert await asked(answer) == {}


async def test_a_pod_that_is_silent_or_sends_us_elsewhere_tells_nothing(
    asked: Callable[[Answer], Awaitable[dict[str, Any]]],
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if "again" not in request.query:
            return web.HTTPFound("/v1/models/iris?again=1")
        return web.Response(body=told(1))

    assert await asked(answer) == {}


async def test_a_pod_that_hangs_tells_nothing(asked: Callable[[Answer], Awaitable[dict[str, Any]]]) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    assert await asked(answer) == {}
