"""Carries out a plan: the only writer.

Order: apply, status, delete, events. What the API server refuses does not stop the rest; it is returned, and becomes part of the
next observation. An apply is skipped while neither what we send nor the object has changed since we applied it last, so that
nothing is called at rest. Deletes wait for the status, because the status may hold what the deleted object told. Every write is
made only while this replica leads.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from datetime import datetime

from tfmodel.api.status import TFModelStatus
from tfmodel.api.v1alpha1 import API_VERSION, KIND
from tfmodel_operator.cache import Cache
from tfmodel_operator.kube import ApiError, ConflictError, Kube, UnavailableError, key_of
from tfmodel_operator.read import at
from tfmodel_operator.values import Apply, ApplyError, Event, Key, Manifest, ObjectKey, Plan

_log = logging.getLogger(__name__)
_HAS_GENERATION = {"Job", "Deployment"}
_REPORTER = "tfmodel-operator"
_MOST_TEXT = 1000


class NotLeadingError(Exception):
    """This replica does not lead: it must not write."""


class Applier:
    """Carries out plans while `may_write` says yes."""

    def __init__(self, kube: Kube, cache: Cache, may_write: Callable[[], bool]) -> None:
        self._kube = kube
        self._cache = cache
        self._may_write = may_write
        self._applied: dict[tuple[ObjectKey, str], tuple[str, str]] = {}

    async def apply(self, made: Plan) -> tuple[ApplyError, ...]:
        """Applies the plan's objects; what was refused.

        Raises:
            NotLeadingError: another replica leads.
            UnavailableError, ConflictError: the API server cannot answer now, or something was changed meanwhile; try again.
        """
        results = [await self._apply_one(one) for one in made.apply]
        return tuple(error for error in results if error is not None)

    async def _apply_one(self, one: Apply) -> ApplyError | None:
        key = key_of(one.manifest)
        digest = hashlib.sha256(json.dumps(one.manifest, sort_keys=True).encode()).hexdigest()
        live = self._cache.get(key.kind, key.namespace, key.name)
        if live is not None and self._applied.get((key, one.manager)) == (digest, _revision(live)):
            return None
        self._check_lead()
        try:
            found = await self._kube.apply(one.manifest, manager=one.manager)
        except (UnavailableError, ConflictError):
            raise
        except ApiError as error:
            return ApplyError(key, error.status, error.reason, error.message)
        self._cache.put(found)
        self._applied[key, one.manager] = (digest, _revision(found))
        return None

    async def store_status(self, key: Key, before: TFModelStatus, status: TFModelStatus) -> None:
        """Stores the status if it differs from the one that is stored.

        Raises:
            NotLeadingError, ApiError: it could not be stored.
        """
        if status == before:
            return
        self._check_lead()
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"namespace": key.namespace, "name": key.name},
            "status": status.to_json(),
        }
        self._cache.put(await self._kube.apply_status(body))

    async def delete(self, made: Plan) -> None:
        """Deletes what the plan no longer wants."""
        for key in made.delete:
            self._check_lead()
            await self._kube.delete(key)

    async def post_events(self, found: Manifest, events: tuple[Event, ...], now: datetime) -> None:
        """Posts events on a TFModel; one that is refused is logged, since an event is worth no retry."""
        for event in events:
            self._check_lead()
            try:
                await self._kube.create(_event(found, event, now))
            except ApiError as error:
                _log.warning("event %s was not posted: %s", event.reason, error)

    def forget(self, key: Key) -> None:
        """Forgets what was applied for a TFModel that is gone."""
        of_model = [
            one for one in self._applied if one[0].namespace == key.namespace and one[0].name.startswith(key.name)
        ]
        for one in of_model:
            del self._applied[one]

    def _check_lead(self) -> None:
        if not self._may_write():
            raise NotLeadingError


def _revision(found: Manifest) -> str:
    """What moves when the part of an object that we own is changed; a status that churns does not count where it can be told."""
    field = "generation" if found["kind"] in _HAS_GENERATION else "resourceVersion"
    return f"{at(found, 'metadata', 'uid')}/{at(found, 'metadata', field)}"


def _event(found: Manifest, event: Event, now: datetime) -> Manifest:
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = found["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message[:_MOST_TEXT],
        "source": {"component": _REPORTER},
        "reportingComponent": _REPORTER,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }
