"""What stands before the APIs of the REST port: CORS, tokens, the limit of connections.

Health and metrics pass it as if it were not there: whoever probes has no token, and must get an answer above all when there are
too many connections.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tfmodel_runtime.rest.asgi import Answer, Headers, Receive, Scope, Send, header, refusal, send_answer
from tfmodel_runtime.rest.paths import is_of_api
from tfmodel_runtime.security.tokens import Tokens

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

OPERATIONS = frozenset({"/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
OVER_LIMIT = "tfmodel.over_limit"
"""Key of an ASGI scope's state: the connection is one too many."""

BUSY = (429, 503)
_RETRY_AFTER = (b"retry-after", b"1")
_CHALLENGE = b"www-authenticate"
_ORIGINS = (b"http://", b"https://")


@dataclass(frozen=True, slots=True)
class Rules:
    """Who passes. `open_paths` are those of health and metrics."""

    tokens: Tokens | None = None
    allows_cors: bool = False
    open_paths: frozenset[str] = OPERATIONS


class Gate:
    """An ASGI application before another."""

    def __init__(self, app: Application, rules: Rules) -> None:
        self._app = app
        self._rules = rules
        allowed = b"Content-Type" if rules.tokens is None else b"Content-Type, Authorization"
        self._cors: Headers = [
            (b"access-control-allow-origin", b"*"),
            (b"access-control-allow-methods", b"POST, GET"),
            (b"access-control-allow-headers", allowed),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands the request on, or answers it."""
        path = scope["path"]
        is_v1 = is_of_api(path)
        if path in self._rules.open_paths and not is_v1:
            await self._app(scope, receive, send)
            return
        telling = _telling(send, self._cors if is_v1 and self._rules.allows_cors else ())
        answer = self._answer(scope, is_v1=is_v1)
        if answer is None:
            await self._app(scope, receive, telling)
        else:
            await send_answer(telling, answer, closes=_closes(scope))

    def _answer(self, scope: Scope, *, is_v1: bool) -> Answer | None:
        """What is answered to a request that does not pass; None if it does."""
        if is_v1 and scope["method"] == "OPTIONS":
            origin = header(scope, b"origin")
            return Answer(200 if any(one in origin for one in _ORIGINS) else 400, b"")
        if _is_over_limit(scope):
            return refusal(503, "too many connections: try again")
        tokens, authorization = self._rules.tokens, header(scope, b"authorization")
        if tokens is None or tokens.admits(authorization):
            return None
        if authorization:
            return refusal(
                401, "the token is not one of this server's", [(_CHALLENGE, b'Bearer error="invalid_token"')]
            )
        return refusal(401, "a token is needed: Authorization: Bearer", [(_CHALLENGE, b"Bearer")])


def _is_over_limit(scope: Scope) -> bool:
    return bool(scope.get("state", {}).get(OVER_LIMIT))


def _closes(scope: Scope) -> bool:
    """Whether a refusal ends the connection: it is one too many, or a body is announced that will not be waited for."""
    return _is_over_limit(scope) or bool(header(scope, b"expect"))


def _telling(send: Send, headers: Headers) -> Send:
    """Sends with more headers, and to whom comes too early, when to come again."""

    async def told(message: Scope) -> None:
        if message["type"] == "http.response.start":
            again = [_RETRY_AFTER] if message["status"] in BUSY else []
            message["headers"] = [*message.get("headers", ()), *headers, *again]
        await send(message)

    return told
