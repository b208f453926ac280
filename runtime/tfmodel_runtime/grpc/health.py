"""grpc.health.v1.Health: Check, List, and Watch, which tells of each change."""

from collections.abc import Iterable, Mapping
from typing import Any

from tfmodel.wire import messages
from tfmodel_runtime.grpc.calls import Context, Method, Streaming, Talk, Unary
from tfmodel_runtime.grpc.statuses import StatusError
from tfmodel_runtime.statuses import Code

SERVICE = "grpc.health.v1.Health"
_Answer = messages.HealthCheckResponse


class HealthService:
    """Tells whether services serve; all that are named do, or none."""

    name = SERVICE

    def __init__(self, services: Iterable[str]) -> None:
        self._services = frozenset({"", *services})
        self._state = _Answer.NOT_SERVING
        self._watchers: set[_Watcher] = set()

    def methods(self) -> Mapping[str, Method]:
        """The methods."""
        return {
            "Check": Unary(self.check, messages.HealthCheckRequest),
            "List": Unary(self.list, messages.HealthListRequest),
            "Watch": Streaming(self._watch, messages.HealthCheckRequest),
        }

    def set_serving(self, *, is_serving: bool) -> None:
        """What is answered from now on."""
        self._state = _Answer.SERVING if is_serving else _Answer.NOT_SERVING
        for watcher in list(self._watchers):
            watcher.tell()

    async def check(self, request: Any, _context: Context) -> Any:
        """Health.Check."""
        if request.service not in self._services:
            raise StatusError(Code.NOT_FOUND, "unknown service")
        return _Answer(status=self._state)

    async def list(self, _request: Any, _context: Context) -> Any:
        """Health.List."""
        return messages.HealthListResponse(statuses={name: _Answer(status=self._state) for name in self._services})

    def state_of(self, service: str) -> Any:
        """The state of a service, which may be none of this server's."""
        return self._state if service in self._services else _Answer.SERVICE_UNKNOWN

    def _watch(self, talk: Talk) -> "_Watcher":
        return _Watcher(self, self._watchers, talk)


class _Watcher:
    """One call of Watch."""

    def __init__(self, health: HealthService, watchers: "set[_Watcher]", talk: Talk) -> None:
        self._health = health
        self._watchers = watchers
        self._talk = talk
        self._service: str | None = None
        self._told: Any = None

    def received(self, request: Any) -> None:
        """The client names the service."""
        if self._service is None:
            self._service = request.service
            self._watchers.add(self)
            self.tell()

    def ended(self) -> None:
        """The client sends no more, and listens on; one that named no service has nothing to listen to."""
        if self._service is None:
            self._talk.fail(Code.INTERNAL, "the request ends before its message does")

    def closed(self) -> None:
        """Nobody listens any more."""
        self._watchers.discard(self)

    def tell(self) -> None:
        """Tells of the state if it is news."""
        state = self._health.state_of(self._service or "")
        if state != self._told:
            self._told = state
            self._talk.send(_Answer(status=state))
