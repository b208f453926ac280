"""/healthz, /readyz and /metrics on one port."""

from collections.abc import Callable

from aiohttp import web

from tfmodel_operator.metrics import CONTENT_TYPE, Metrics

_OBJECTION = 503


def application(*, alive: Callable[[], bool], ready: Callable[[], bool], metrics: Metrics) -> web.Application:
    """Alive: the workers turn. Ready: everything was listed once; a standby is ready too."""

    async def healthz(_request: web.Request) -> web.Response:
        return _answer(is_fine=alive())

    async def readyz(_request: web.Request) -> web.Response:
        return _answer(is_fine=ready())

    async def exposition(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    made = web.Application()
    made.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposition)])
    return made


def _answer(*, is_fine: bool) -> web.Response:
    return web.Response(text="ok" if is_fine else "not ok", status=200 if is_fine else _OBJECTION)


async def serve(app: web.Application, port: int) -> web.AppRunner:
    """Opens the port.

    Raises:
        OSError: it cannot be opened.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
