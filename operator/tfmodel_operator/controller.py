"""The loop around reconciles: takes events in, has keys worked on while this replica leads, lists everything now and then."""

import asyncio
import gc
import logging
import time
from itertools import chain

from tfmodel.api.v1alpha1 import API_VERSION, KIND
from tfmodel.memory import trim
from tfmodel_operator.apply import NotLeadingError
from tfmodel_operator.cache import Cache
from tfmodel_operator.kube import ApiError, Kube, UnavailableError
from tfmodel_operator.metrics import Metrics
from tfmodel_operator.read import at, label_of, name_of
from tfmodel_operator.reconcile import Reconciler
from tfmodel_operator.trim import trimmed
from tfmodel_operator.values import LABEL_MODEL, Key, Manifest
from tfmodel_operator.watch import CHILD_SELECTOR, CHILDREN
from tfmodel_operator.workqueue import WorkQueue

_log = logging.getLogger(__name__)
_WORKERS = 4
_HEARTBEAT_SECONDS = 1.0
_STALE_HEARTBEAT_SECONDS = 30.0
_LIST_RETRY_SECONDS = 2.0
_LONGEST_RECONCILE_SECONDS = 120.0


class Controller:
    """Feeds the queue and works it off."""

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        queue: WorkQueue,
        reconciler: Reconciler,
        metrics: Metrics,
        namespaces: tuple[str, ...],
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._queue = queue
        self._reconciler = reconciler
        self._metrics = metrics
        self._namespaces = namespaces
        self._beat = time.monotonic()
        self._syncing = asyncio.Lock()
        self._is_working = False
        self.is_synced = False

    def receive(self, kind_of_event: str | None, found: Manifest) -> None:
        """Takes an event of a watch; what a listing repeats, and our own status, needs no reconcile."""
        self._metrics.last_event.labels(str(found["kind"])).set(time.time())
        is_news = True
        if kind_of_event == "DELETED":
            self._cache.drop(found)
        else:
            is_news = self._cache.put(found)
        key = _key_of_model(found)
        if key is not None and (is_news or not _tells_nothing_if_known(kind_of_event, found)):
            self._queue.add(key)

    def is_alive(self) -> bool:
        """Whether the loop turns."""
        return time.monotonic() - self._beat < _STALE_HEARTBEAT_SECONDS

    async def sync(self) -> None:
        """Lists everything and looks at every TFModel; retries until it succeeds."""
        await self._list_until_done()
        self.is_synced = True
        for found in self._cache.all(KIND):
            self._queue.add(Key(str(at(found, "metadata", "namespace")), name_of(found)))

    async def catch_up(self) -> None:
        """Lists everything and looks at the TFModels of which a watch missed something; retries until it succeeds."""
        for found in await self._list_until_done():
            key = _key_of_model(found)
            if key is not None:
                self._queue.add(key)

    async def _list_until_done(self) -> list[Manifest]:
        while True:
            try:
                async with self._syncing:
                    return await self._list_all()
            except ApiError as error:
                _log.warning("cannot list: %s", error)
                await asyncio.sleep(_LIST_RETRY_SECONDS)

    async def _list_all(self) -> list[Manifest]:
        news = await self._list(API_VERSION, KIND, "")
        for group, version, _plural, kind in CHILDREN:
            news += await self._list(f"{group}/{version}" if group else version, kind, CHILD_SELECTOR)
        gc.collect()
        trim()  # whole objects were parsed, and a little of each is kept
        return news

    async def _list(self, api_version: str, kind: str, labels: str) -> list[Manifest]:
        namespaces = self._namespaces or ("",)
        listings = [
            await self._kube.list(api_version, kind, namespace, labels=labels, keep=trimmed) for namespace in namespaces
        ]
        found = chain.from_iterable(listing.items for listing in listings)
        return self._cache.replace_all(kind, found, as_of=min(listing.as_of for listing in listings))

    async def resync(self, every_seconds: float) -> None:
        """Lists everything now and then."""
        while True:
            await asyncio.sleep(every_seconds)
            await self.sync()

    async def beat(self) -> None:
        """Shows that the loop turns, and measures what waits."""
        while True:
            self._beat = time.monotonic()
            self._metrics.queue_depth.set(self._queue.depth())
            self._metrics.queue_age.set(self._queue.age_seconds() if self._is_working else 0.0)
            phases = (str(at(found, "status", "phase") or "Unknown") for found in self._cache.all(KIND))
            self._metrics.count_models(phases)
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    async def work(self) -> None:
        """Works keys off until cancelled."""
        self._is_working = True
        try:
            await asyncio.gather(*(self._worker() for _ in range(_WORKERS)))
        finally:
            self._is_working = False

    async def _worker(self) -> None:
        while True:
            key = await self._queue.take()
            try:
                await self._reconcile(key)
            finally:
                self._queue.done(key)

    async def _reconcile(self, key: Key) -> None:
        begun = time.monotonic()
        result = "error"
        try:
            async with asyncio.timeout(_LONGEST_RECONCILE_SECONDS):
                again = await self._reconciler.reconcile(key)
            self._queue.forget(key)
            if again is not None:
                self._queue.add(key, again.total_seconds())
            result = "success"
        except NotLeadingError:
            result = "not_leading"
            self._queue.add_failed(key)
        except UnavailableError as error:
            _log.warning("%s: %s", key, error)
            self._queue.add_failed(key, at_least_seconds=error.retry_after_seconds)
        except (ApiError, TimeoutError) as error:
            _log.warning("%s: %s", key, error or "took too long")
            self._queue.add_failed(key)
        except Exception:  # noqa: BLE001 - the rim: one TFModel must not stop the others
            _log.exception("%s: the reconcile failed in a way that was not foreseen", key)
            self._queue.add_failed(key)
        self._metrics.reconciles.labels(result).inc()
        self._metrics.reconcile_seconds.observe(time.monotonic() - begun)


def _tells_nothing_if_known(kind_of_event: str | None, found: Manifest) -> bool:
    """A child that was applied is looked at once more when its watch tells of it: its plan was made before it was there."""
    return kind_of_event is None or found["kind"] == KIND


def _key_of_model(found: Manifest) -> Key | None:
    namespace = str(at(found, "metadata", "namespace"))
    if found["kind"] == KIND:
        return Key(namespace, name_of(found))
    name = label_of(found, LABEL_MODEL)
    return Key(namespace, name) if name is not None else None
