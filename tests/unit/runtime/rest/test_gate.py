"""Who passes the gate, without a socket: the open paths above all."""

from typing import Any

import pytest

from tfmodel_runtime.rest.gate import OPERATIONS, OVER_LIMIT, Gate, Rules
from tfmodel_runtime.security.tokens import Tokens


async def passed(path: str, rules: Rules, **scope: Any) -> int:
    """The status that a request gets: 204 from the application behind, if it passes."""
    sent: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def receive() -> Any:
        raise AssertionError("nothing is read at the gate")

    async def send(message: Any) -> None:
        sent.append(message)

    asked = {"type": "http", "method": "GET", "path": path, "headers": [], "state": {}, **scope}
    await Gate(app, rules)(asked, receive, send)
    return int(sent[0]["status"])


GUARDED = Rules(Tokens([b"t"]))
BEARER = [(b"authorization", b"Bearer t")]


@pytest.mark.parametrize("path", sorted(OPERATIONS))
async def test_operations_pass_without_a_token_and_beyond_the_limit(path: str) -> None:
    assert await passed(path, GUARDED, state={OVER_LIMIT: True}) == 204


@pytest.mark.parametrize(
    "path",
    ["/healthz/", "/HEALTHZ", "/metrics/x", "/docs", "/openapi.json", "/v2/health/ready/x", "/v2", "", "//healthz"],
)
async def test_what_is_only_like_them_does_not(path: str) -> None:
    assert await passed(path, GUARDED) == 401
    assert await passed(path, GUARDED, headers=BEARER) == 204


async def test_a_path_for_metrics_cannot_open_the_api() -> None:
    rules = Rules(Tokens([b"t"]), open_paths=OPERATIONS | {"/monitoring", "/V1/models/m"})
    assert await passed("/monitoring", rules) == 204
    assert await passed("/V1/models/m", rules) == 401


async def test_beyond_the_limit_a_token_does_not_help() -> None:
    assert await passed("/v1/models/m", GUARDED, headers=BEARER, state={OVER_LIMIT: True}) == 503


async def test_only_the_first_of_two_tokens_counts() -> None:
    assert await passed("/v1/models/m", GUARDED, headers=[(b"authorization", b"Bearer x"), *BEARER]) == 401
