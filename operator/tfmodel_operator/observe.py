"""What is to be seen of a TFModel's children: the cache, what its runtime pods answer, and the events of what is unexplained."""

from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.cache import Cache
from tfmodel_operator.kube import ApiError, Kube
from tfmodel_operator.plan.diagnosis import unexplained
from tfmodel_operator.plan.naming import claim_name
from tfmodel_operator.plan.serving import telling_pods
from tfmodel_operator.plan.training_progress import training_pods
from tfmodel_operator.read import at, name_of
from tfmodel_operator.runtime_probe import RuntimeProbe
from tfmodel_operator.values import ApplyError, Key, Manifest, Observation

_MOST_EVENTS = 5


class Observer:
    """Sees TFModels' children."""

    def __init__(self, cache: Cache, kube: Kube, probe: RuntimeProbe) -> None:
        self._cache = cache
        self._kube = kube
        self._probe = probe

    async def observe(self, model: TFModel, errors: tuple[ApplyError, ...]) -> Observation:
        """Everything that a plan for the model is made from."""
        seen = self._cached(model, errors)
        served = await self._probe.ask(model.name, telling_pods(seen))
        progress = await self._probe.ask_progress(training_pods(seen))
        warnings = {uid: await self._warnings(model.namespace, uid) for uid in unexplained(model, seen)}
        return Observation(
            jobs=seen.jobs,
            pods=seen.pods,
            deployment=seen.deployment,
            service=seen.service,
            volume_claim=seen.volume_claim,
            served=served,
            progress=progress,
            warnings=warnings,
            errors=errors,
        )

    def _cached(self, model: TFModel, errors: tuple[ApplyError, ...]) -> Observation:
        cache, key, uid = self._cache, Key(model.namespace, model.name), model.metadata.uid
        return Observation(
            jobs=cache.owned("Job", key, uid),
            pods=cache.of_model("Pod", key),
            deployment=next(iter(cache.owned("Deployment", key, uid)), None),
            service=next((found for found in cache.owned("Service", key, uid) if name_of(found) == model.name), None),
            volume_claim=cache.get("PersistentVolumeClaim", model.namespace, claim_name(model)),
            errors=errors,
        )

    async def _warnings(self, namespace: str, uid: str) -> tuple[str, ...]:
        fields = f"involvedObject.uid={uid},type=Warning"
        try:
            found = await self._kube.list("v1", "Event", namespace, fields=fields)
        except ApiError:
            return ()
        newest_first = sorted(found.items, key=_when, reverse=True)[:_MOST_EVENTS]
        return tuple(f"{event.get('reason')}: {event.get('message')}" for event in newest_first)


def _when(event: Manifest) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or at(event, "metadata", "creationTimestamp"))
