"""The client of the API server: what it sends, and what it makes of an answer, over real sockets."""

import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from testkit.apiserver import free_port
from tfmodel_operator import kube as module
from tfmodel_operator.kube import (
    ApiError,
    ConflictError,
    Connection,
    Kube,
    NotFoundError,
    UnavailableError,
    UnreachableError,
)
from tfmodel_operator.metrics import Metrics
from tfmodel_operator.values import ObjectKey

JOB = ObjectKey("batch/v1", "Job", "lab", "iris-1", uid="u")


class Server:
    """Answers what the test says and keeps what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.answer: Callable[[object], web.Response] = web.json_response

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path_qs, dict(request.headers), await request.text()))
        return self.answer({})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    port = free_port()
    made = Server(f"http://127.0.0.1:{port}")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield made
    await runner.cleanup()


def client(url: str, **more: object) -> Kube:
    connection = Connection(url, None, **more)  # type: ignore[arg-type]
    return Kube(connection, Metrics(CollectorRegistry(), version="0"))


def answering(body: object, _: object) -> web.Response:
    return web.json_response(body)


def refusing(status: int, **headers: str) -> Callable[[object], web.Response]:
    def answer(_: object) -> web.Response:
        body = {"kind": "Status", "reason": "Because", "message": "no"}
        return web.json_response(body, status=status, headers=headers)

    return answer


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ApiError),
        (401, UnavailableError),
        (403, ApiError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, ApiError),
        (429, UnavailableError),
        (500, ApiError),
        (503, UnavailableError),
        (504, UnavailableError),
    ],
)
async def test_each_refusal_has_its_kind_and_the_servers_words(
    server: Server, status: int, kind: type[ApiError]
) -> None:
    server.answer = refusing(status)
    async with client(server.url) as kube:
        with pytest.raises(ApiError) as caught:
            await kube.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "b"}})
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.reason, caught.value.message) == (status, "Because", "no")


async def test_a_server_that_asks_for_patience_gets_it_within_reason(server: Server) -> None:
    async with client(server.url) as kube:
        for told, meant in {"7": 7.0, "86400": 60.0, "Wed, 21 Oct 2026 07:28:00 GMT": 0.0}.items():
            server.answer = refusing(429, **{"Retry-After": told})
            with pytest.raises(UnavailableError) as caught:
                await kube.list("v1", "Pod")
            assert caught.value.retry_after_seconds == meant


async def test_no_answer_is_an_error_of_its_own() -> None:
    async with client(f"http://127.0.0.1:{free_port()}") as kube:
        with pytest.raises(UnreachableError):
            await kube.get(JOB)


async def test_an_object_that_is_not_there_is_none_and_its_delete_is_done(server: Server) -> None:
    server.answer = refusing(404)
    async with client(server.url) as kube:
        assert await kube.get(JOB) is None
        await kube.delete(JOB)
    method, path, _, body = server.asked[-1]
    assert (method, path) == ("DELETE", "/apis/batch/v1/namespaces/lab/jobs/iris-1")
    assert '"propagationPolicy": "Background"' in body
    assert '"uid": "u"' in body


async def test_an_apply_is_forced_and_named_and_a_status_goes_to_its_subresource(server: Server) -> None:
    model = {"apiVersion": "tfmodel.dev/v1alpha1", "kind": "TFModel", "metadata": {"name": "iris", "namespace": "lab"}}
    async with client(server.url) as kube:
        await kube.apply_status(model)
    method, path, headers, _ = server.asked[-1]
    assert method == "PATCH"
    assert path.startswith("/apis/tfmodel.dev/v1alpha1/namespaces/lab/tfmodels/iris/status?")
    assert "fieldManager=tfmodel-operator" in path
    assert "force=true" in path
    assert headers["Content-Type"] == "application/apply-patch+yaml"


async def test_a_list_knows_its_age_and_gives_each_object_its_kind(server: Server) -> None:
    body = {"metadata": {"resourceVersion": "41"}, "items": [{"metadata": {"name": "iris-1"}}]}
    server.answer = functools.partial(answering, body)
    async with client(server.url) as kube:
        found = await kube.list("batch/v1", "Job", "lab", labels="a=b")
    assert found.as_of == 41
    assert found.items == ({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "iris-1"}},)
    assert server.asked[-1][1] == "/apis/batch/v1/namespaces/lab/jobs?labelSelector=a%3Db&limit=50"


async def test_a_projected_token_is_read_again(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    monkeypatch.setattr(module, "_TOKEN_LIFE_SECONDS", -1.0)
    async with client(server.url, token_file=file) as kube:
        await kube.get(JOB)
        file.write_text("second\n")
        await kube.get(JOB)
        file.unlink()
        with pytest.raises(UnreachableError):
            await kube.get(JOB)
    assert [headers["Authorization"] for _, _, headers, _ in server.asked] == ["Bearer first", "Bearer second"]


async def test_a_long_list_is_asked_for_by_pages_and_only_what_is_kept_of_a_page_stays(server: Server) -> None:
    pages = iter(
        [
            {"metadata": {"resourceVersion": "41", "continue": "next"}, "items": [{"metadata": {"name": "a"}}]},
            {"metadata": {"resourceVersion": "41"}, "items": [{"metadata": {"name": "b"}}]},
        ]
    )
    server.answer = lambda _: web.json_response(next(pages))
    async with client(server.url) as kube:
        found = await kube.list("batch/v1", "Job", keep=lambda one: {"kept": one["metadata"]["name"]})
    assert (found.items, found.as_of) == (({"kept": "a"}, {"kept": "b"}), 41)
    assert [path.partition("?")[2] for _, path, _, _ in server.asked] == ["limit=50", "limit=50&continue=next"]
