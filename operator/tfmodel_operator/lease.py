"""Which replica leads: a Lease, as client-go's leader election has it (15 s life, renewed every 2 s, given up after 10 s).

Who finds the Lease free, or unchanged for its whole life by the own clock, takes it; the API server's optimistic locking lets
one of two win. No clock is compared with another machine's. A leader that cannot renew for 10 s must stop writing, 5 s before
anybody else may start. On a clean end the Lease is released at once.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tfmodel_operator.kube import ApiError, ConflictError, Kube, NotFoundError
from tfmodel_operator.read import at
from tfmodel_operator.values import Manifest, ObjectKey

_log = logging.getLogger(__name__)
_API_VERSION = "coordination.k8s.io/v1"
LIFE_SECONDS = 15
RENEWAL_LIMIT_SECONDS = 10
RETRY_SECONDS = 2.0
_LONGEST_TRY_SECONDS = RENEWAL_LIMIT_SECONDS / 2


class Lease:
    """This replica's part in the election."""

    def __init__(
        self, kube: Kube, *, name: str, namespace: str, identity: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kube = kube
        self._key = ObjectKey(_API_VERSION, "Lease", namespace, name)
        self._identity = identity
        self._clock = clock
        self._renewed_at: float | None = None
        self._seen: tuple[str, float] | None = None
        self.acquired = asyncio.Event()

    def held(self) -> bool:
        """Whether this replica may write now."""
        return self._renewed_at is not None and self._clock() - self._renewed_at < RENEWAL_LIMIT_SECONDS

    async def run(self) -> None:
        """Takes part until the lead is lost, or cancelled."""
        while True:
            await self._turn()
            if self.acquired.is_set() and not self.held():
                _log.error("%s lost the lead", self._identity)
                return
            await asyncio.sleep(self._wait())

    async def _turn(self) -> None:
        begun = self._clock()
        try:
            async with asyncio.timeout(_LONGEST_TRY_SECONDS):
                is_ours = await self._try()
        except (ApiError, TimeoutError) as error:
            _log.warning("the Lease could not be asked for: %s", error or "no answer in time")
            return
        if not is_ours:
            return
        self._renewed_at = begun
        if not self.acquired.is_set():
            _log.info("%s leads", self._identity)
            self.acquired.set()

    def _wait(self) -> float:
        """Until the next try: no longer than what is left of another's life."""
        if self._seen is None or self.held():
            return RETRY_SECONDS
        left = LIFE_SECONDS - (self._clock() - self._seen[1])
        return left if 0 < left < RETRY_SECONDS else RETRY_SECONDS

    async def release(self) -> None:
        """Gives the lead up, so that another replica need not wait."""
        if not self.held():
            return
        self._renewed_at = None
        try:
            async with asyncio.timeout(_LONGEST_TRY_SECONDS):
                found = await self._kube.get(self._key)
                if found is not None and at(found, "spec", "holderIdentity") == self._identity:
                    await self._kube.replace(_with_spec(found, {**found["spec"], "holderIdentity": ""}))
        except (ApiError, TimeoutError) as error:
            _log.warning("the Lease could not be released: %s", error or "no answer in time")

    async def _try(self) -> bool:
        found = await self._kube.get(self._key)
        try:
            if found is None:
                await self._kube.create(self._new())
                return True
            if not self._may_take(found):
                return False
            await self._kube.replace(_with_spec(found, self._spec(found)))
        except (ConflictError, NotFoundError):
            return False
        return True

    def _may_take(self, found: Manifest) -> bool:
        holder = at(found, "spec", "holderIdentity")
        if not holder or holder == self._identity:
            return True
        version = str(at(found, "metadata", "resourceVersion"))
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, self._clock())
            return False
        return self._clock() - self._seen[1] >= LIFE_SECONDS

    def _new(self) -> Manifest:
        return {
            "apiVersion": _API_VERSION,
            "kind": "Lease",
            "metadata": {"name": self._key.name, "namespace": self._key.namespace},
            "spec": self._spec(None),
        }

    def _spec(self, found: Manifest | None) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        is_same = at(found, "spec", "holderIdentity") == self._identity
        transitions = int(at(found, "spec", "leaseTransitions") or 0)
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": LIFE_SECONDS,
            "acquireTime": at(found, "spec", "acquireTime") if is_same else now,
            "renewTime": now,
            "leaseTransitions": transitions if is_same or found is None else transitions + 1,
        }


def _with_spec(found: Manifest, spec: Manifest) -> Manifest:
    return {**found, "spec": dict(spec)}
