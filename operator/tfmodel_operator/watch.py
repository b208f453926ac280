"""The watches, by kopf: an event becomes an object in the cache and a key in the queue, and nothing else.

kopf gives the event source: list, watch, resume, back off. It keeps nothing on the user's objects: no finalizer, no annotation, no
peering. An answer that ends kopf's watching ends it here only for a moment: it is started again, and a full list tells what
happened meanwhile. So it does when kopf itself had to list again. At rest there are no lists but one an hour.
"""

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import kopf

from tfmodel.api.v1alpha1 import GROUP, KIND, PLURAL, VERSION
from tfmodel_operator.kube import PAGE
from tfmodel_operator.trim import trimmed
from tfmodel_operator.values import LABEL_MANAGED_BY, MANAGED_BY, Manifest

_log = logging.getLogger(__name__)
CHILDREN: tuple[tuple[str, str, str, str], ...] = (
    ("batch", "v1", "jobs", "Job"),
    ("", "v1", "pods", "Pod"),
    ("apps", "v1", "deployments", "Deployment"),
    ("", "v1", "services", "Service"),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
)
WATCHED = ((GROUP, VERSION, PLURAL, KIND), *CHILDREN)
CHILD_SELECTOR = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
_RESTART_SECONDS = 5.0
_LONGEST_END_SECONDS = 5.0
_LONGEST_BACKOFF_SECONDS = 30.0

_LISTING_SECONDS = 60.0
_KEPT_SECONDS = 0.1
"""How long kopf holds on to an object after its event: by its default, all of a long list would be in memory at once."""
AFTER_LISTING_SECONDS = 5.0

Receive = Callable[[str | None, Manifest], None]


class _NothingLastSeen(kopf.DiffBaseStorage):
    """No record of what was seen last: kopf would copy each object for a comparison that nobody asks for."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


class Backoffs:
    """Waits between tries of kopf's requests: without end, doubling, with jitter."""

    def __iter__(self) -> Iterator[float]:
        """The waits in seconds."""
        wait = 1.0
        while True:
            yield wait * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret
            wait = min(wait * 2, _LONGEST_BACKOFF_SECONDS)


def settings() -> kopf.OperatorSettings:
    """Kopf as an event source and no more."""
    made = kopf.OperatorSettings()
    made.networking.error_backoffs = Backoffs()
    made.networking.request_timeout = 30
    made.networking.connect_timeout = 5
    made.networking.enforce_retry_after = True
    made.watching.inactivity_timeout = 70
    made.watching.server_timeout = 300
    made.watching.client_timeout = 330
    made.watching.connect_timeout = 5
    made.watching.chunk_size = PAGE
    made.queueing.idle_timeout = _KEPT_SECONDS
    made.scanning.disabled = True
    made.peering.standalone = True
    made.posting.enabled = False
    made.persistence.diffbase_storage = _NothingLastSeen()
    made.process.ultimate_exiting_timeout = None
    for _group, _version, plural, _kind in CHILDREN:
        made.watching.label_selectors[plural] = CHILD_SELECTOR
    return made


def registry(receive: Receive) -> kopf.OperatorRegistry:
    """Handlers of raw events for every kind that is watched."""
    made = kopf.OperatorRegistry()
    for group, version, plural, kind in WATCHED:
        kopf.on.event(group, version, plural, registry=made)(_handler(receive, group, version, kind))
    kopf.on.login(registry=made)(_login)
    return made


def _handler(receive: Receive, group: str, version: str, kind: str) -> Any:
    api_version = f"{group}/{version}" if group else version

    async def on_event(event: Any, **_: Any) -> None:
        receive(event["type"], trimmed({**event["object"], "apiVersion": api_version, "kind": kind}))

    return on_event


def _login(**context: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_service_account(**context) or kopf.login_with_kubeconfig(**context)


def connection_info(made: kopf.OperatorSettings) -> kopf.ConnectionInfo:
    """How the API server is reached: as the pod's service account, or as kubectl would.

    Raises:
        kopf.LoginError: there is neither a service account nor a kubeconfig.
    """
    found = _login(settings=made)
    if found is None:
        raise kopf.LoginError("there is neither a service account nor a kubeconfig")
    return found


async def watch(
    receive: Receive,
    namespaces: Sequence[str],
    *,
    on_restart: Callable[[], Awaitable[None]],
    on_gap: Callable[[], Awaitable[None]],
    stop: asyncio.Event,
) -> None:
    """Watches until `stop`; a kopf that ends by itself is started again. `on_gap` is called when a delete may have been missed."""
    gap = asyncio.Event()
    filling = asyncio.create_task(_fill_gaps(gap, on_gap))
    while not stop.is_set():
        life = Life(_receiver(receive, gap), namespaces)
        leaving = asyncio.create_task(_leave_on(stop, life))
        try:
            await asyncio.to_thread(life.run)
        except Exception as error:  # noqa: BLE001 - the rim: no answer of the API server may end the operator
            _log.error("the watches ended, and are started again in about %.0f s: %s", _RESTART_SECONDS, error)
        leaving.cancel()
        if stop.is_set():
            break
        await asyncio.sleep(_RESTART_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        await on_restart()
    filling.cancel()


def _receiver(receive: Receive, gap: asyncio.Event) -> Receive:
    """Takes what a life of kopf tells in its thread to this one's loop.

    What kopf lists has no kind of event. It lists when it begins, and again when its place in a watch has expired: it tells nothing
    of what was deleted between an earlier list and this one, and `gap` is set. At once too, since an empty list tells nothing.
    """
    loop = asyncio.get_running_loop()
    listed: dict[str, float] = {}
    gap.set()

    def received(event: str | None, found: Manifest) -> None:
        loop.call_soon_threadsafe(receive, event, found)
        if event is not None:
            return
        kind, now = str(found["kind"]), time.monotonic()
        if now - listed.get(kind, -math.inf) > _LISTING_SECONDS:
            loop.call_soon_threadsafe(gap.set)
        listed[kind] = now

    return received


async def _fill_gaps(gap: asyncio.Event, on_gap: Callable[[], Awaitable[None]]) -> None:
    while True:
        await gap.wait()
        await asyncio.sleep(AFTER_LISTING_SECONDS)
        gap.clear()
        await on_gap()


async def _leave_on(stop: asyncio.Event, life: "Life") -> None:
    await stop.wait()
    life.leave()


class Life:
    """One life of kopf, in a thread with a loop of its own; over when any part of kopf ends.

    Of its own, since kopf takes over the signals of a main thread, and cancels every task of its loop when it ends. Left by
    force after a few seconds, since kopf's own way out may wait for ever, and then has the whole process killed.
    """

    def __init__(self, receive: Receive, namespaces: Sequence[str]) -> None:
        self._receive = receive
        self._namespaces = namespaces
        self._loop = asyncio.new_event_loop()
        self._left = asyncio.Event()

    def leave(self) -> None:
        """Ends it from any thread."""
        with suppress(RuntimeError):  # the loop may be closed already
            self._loop.call_soon_threadsafe(self._left.set)

    def run(self) -> None:
        """Lives until left.

        Raises:
            Exception: what ended kopf, of any kind.
        """
        try:
            self._loop.run_until_complete(self._live())
        finally:
            self._loop.close()

    async def _live(self) -> None:
        left = asyncio.create_task(self._left.wait())
        parts = await kopf.spawn_tasks(
            registry=registry(self._receive),
            settings=settings(),
            namespaces=self._namespaces,
            clusterwide=not self._namespaces,
            standalone=True,
        )
        ended, _ = await asyncio.wait({left, *parts}, return_when=asyncio.FIRST_COMPLETED)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=_LONGEST_END_SECONDS)
        for task in ended:
            task.result()
