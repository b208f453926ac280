"""One reconcile: observe, plan, apply, say. The whole loop on one screen."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import ValidationError

from tfmodel.api.status import TFModelStatus
from tfmodel.api.v1alpha1 import KIND, TFModel
from tfmodel_operator.apply import Applier
from tfmodel_operator.cache import Cache
from tfmodel_operator.observe import Observer
from tfmodel_operator.plan import plan
from tfmodel_operator.plan.acceptance import invalid
from tfmodel_operator.polling import ask_again
from tfmodel_operator.read import at
from tfmodel_operator.values import ApplyError, Key, Manifest, Plan, Release

_log = logging.getLogger(__name__)
_REFUSED_POLL = timedelta(seconds=10)


class Reconciler:
    """Brings one TFModel at a time to what it asks for."""

    def __init__(
        self, cache: Cache, observer: Observer, applier: Applier, release: Release, clock: Callable[[], datetime]
    ) -> None:
        self._cache = cache
        self._observer = observer
        self._applier = applier
        self._release = release
        self._clock = clock

    async def reconcile(self, key: Key) -> timedelta | None:
        """Does what the TFModel needs now; when to look at it again, if something is awaited that no watch tells of."""
        found = self._cache.get(KIND, key.namespace, key.name)
        if found is None or at(found, "metadata", "deletionTimestamp") is not None:
            self._applier.forget(key)
            return None
        try:
            model = TFModel.model_validate(_readable(found))
        except ValidationError as error:
            await self._say_invalid(found, key, error)
            return None
        return await self._bring(found, model, key)

    async def _bring(self, found: Manifest, model: TFModel, key: Key) -> timedelta | None:
        seen = await self._observer.observe(model, ())
        made = plan(model, seen, self._clock(), self._release)
        refused = await self._applier.apply(made)
        seen = await self._observer.observe(model, refused) if refused else seen
        said = plan(model, seen, self._clock(), self._release) if refused else made
        await self._applier.store_status(key, model.status, said.status)
        await self._applier.delete(made)
        await self._applier.post_events(found, said.events, self._clock())
        self._log_refused(key, refused)
        return _REFUSED_POLL if refused else self._again(said)

    def _again(self, said: Plan) -> timedelta | None:
        ask = ask_again(said.ask_after, self._cache.count(KIND)) if said.ask_after is not None else None
        return min((wait for wait in (said.requeue_after, ask) if wait is not None), default=None)

    async def _say_invalid(self, found: Manifest, key: Key, error: ValidationError) -> None:
        said = invalid(found, error, self._clock(), self._release)
        await self._applier.store_status(key, _status_of(found), said.status)
        await self._applier.post_events(found, said.events, self._clock())

    def _log_refused(self, key: Key, refused: tuple[ApplyError, ...]) -> None:
        for error in refused:
            target = f"{error.target.kind} {error.target.name}"
            _log.warning("%s: the API server refused %s: %s %s", key, target, error.status, error.message)


def _readable(found: Manifest) -> Manifest:
    """The object with a status that this release can read; what is of another release is seen anew."""
    return {**found, "status": _status_of(found).to_json()}


def _status_of(found: Manifest) -> TFModelStatus:
    try:
        return TFModelStatus.model_validate(found.get("status") or {})
    except ValidationError:
        _log.warning("the status of %s is not of this release; it is made anew", at(found, "metadata", "name"))
        return TFModelStatus()
