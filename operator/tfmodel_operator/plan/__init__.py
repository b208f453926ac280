"""What should exist and what is said of it: a pure function of the TFModel, what was seen of its children, and the time.

`plan` asks the parts in the order in which a model comes to be: which run is wanted and how far is it, which versions exist
and are served, how do the runtime pods stand. From the answers follow the objects to apply, those to delete, the status, the
events, and when to look again. Nothing here reads a clock, a file or the network; nothing is remembered but what is in status.
"""

from datetime import datetime, timedelta

from tfmodel.api.reasons import ConditionReason
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.deployment import deployment
from tfmodel_operator.manifests.job import SUSPEND_MANAGER, job, suspension
from tfmodel_operator.manifests.service import service
from tfmodel_operator.manifests.volume_claim import volume_claim
from tfmodel_operator.manifests.workers import workers_service
from tfmodel_operator.plan import serving, training, versions
from tfmodel_operator.plan.acceptance import paused
from tfmodel_operator.plan.events import events
from tfmodel_operator.plan.facts import Facts
from tfmodel_operator.plan.naming import claim_name
from tfmodel_operator.plan.status import status
from tfmodel_operator.read import at, name_of, uid_of
from tfmodel_operator.values import Apply, Manifest, ObjectKey, Observation, Plan, Release

LOADING_POLL = timedelta(seconds=1)
WAITING_POLL = timedelta(seconds=5)
SERVING_POLL = timedelta(seconds=30)
PROGRESS_POLL = timedelta(seconds=10)
_FINISHED_JOBS_KEPT = 2


def plan(model: TFModel, seen: Observation, now: datetime, release: Release) -> Plan:
    """What should be done for the model, given what was seen."""
    if model.spec.paused:
        return paused(model, now, release)
    facts = _facts(model, seen, now)
    said = status(facts, operator_version=release.version)
    return Plan(
        apply=(*_storage(model, seen), *_run(facts, release), *_serving(facts, release)),
        delete=_jobs_to_delete(facts, seen),
        status=said,
        events=events(model.status, said),
        requeue_after=_look_again(facts),
        ask_after=SERVING_POLL if _is_settled(facts) else None,
    )


def _facts(model: TFModel, seen: Observation, now: datetime) -> Facts:
    run = training.wanted_run(model, seen, now)
    return Facts(
        model=model,
        run=run,
        versions=versions.assess(model, seen, run, serving.ready_pods(seen)),
        serving=serving.assess(model, seen),
        errors=seen.errors,
        now=now,
    )


def _storage(model: TFModel, seen: Observation) -> tuple[Apply, ...]:
    if model.spec.storage.existing_claim is not None:
        return ()
    return (Apply(volume_claim(model, claim_name(model), seen.volume_claim)),)


def _run(facts: Facts, release: Release) -> tuple[Apply, ...]:
    """The run's Job, if the run is not over: made once, and not before the one before it is gone; later only held or let go."""
    model, run = facts.model, facts.run
    if run.is_over:
        return ()
    if run.job is None:
        made = job(model, release, name=run.job_name, run_key=run.key, claim=claim_name(model))
        return () if run.state == "Suspended" or run.waits_for is not None else (Apply(made),)
    is_wanted = model.spec.training is not None and model.spec.training.suspend
    names = _names_of_workers(model, run.job)
    if bool(at(run.job, "spec", "suspend")) == is_wanted:
        return names
    return (*names, Apply(suspension(model, name=run.job_name, suspend=is_wanted), SUSPEND_MANAGER))


def _names_of_workers(model: TFModel, job: Manifest) -> tuple[Apply, ...]:
    training = model.spec.training
    return (Apply(workers_service(model, job)),) if training is not None and training.workers > 1 else ()


def _serving(facts: Facts, release: Release) -> tuple[Apply, ...]:
    """Deployment and Service, once there is a version; left as they are while the spec names one that does not exist."""
    model, known = facts.model, facts.versions
    if not known.in_store:
        return ()
    if known.missing and not known.wanted:
        return (Apply(service(model)),)
    pods = deployment(model, release, claim=claim_name(model), version_policy=known.policy)
    return Apply(pods), Apply(service(model))


def _jobs_to_delete(facts: Facts, seen: Observation) -> tuple[ObjectKey, ...]:
    """Jobs of other runs: those that still run, since nobody waits for them, and finished ones beyond the newest few."""
    others = [found for found in seen.jobs if name_of(found) != facts.run.job_name]
    finished = [found for found in others if training.is_finished(found)]
    finished.sort(key=lambda found: str(at(found, "metadata", "creationTimestamp")), reverse=True)
    unfinished = [found for found in others if found not in finished]
    return tuple(_key(found) for found in (*unfinished, *finished[_FINISHED_JOBS_KEPT:]))


def _key(found: Manifest) -> ObjectKey:
    return ObjectKey("batch/v1", "Job", str(at(found, "metadata", "namespace")), name_of(found), uid_of(found))


def _look_again(facts: Facts) -> timedelta | None:
    """When to look again though nothing is seen to change: what shows in no object of the API, and what is due by the clock."""
    waits = (_until_pods_tell(facts), _until_progress(facts), _until_schedule(facts))
    return min((wait for wait in waits if wait is not None), default=None)


def _until_progress(facts: Facts) -> timedelta | None:
    return PROGRESS_POLL if facts.run.step is ConditionReason.TRAINING else None


def _until_schedule(facts: Facts) -> timedelta | None:
    """What is due but waits for the run to end needs no clock."""
    due = facts.run.status.next_scheduled_at
    left = datetime.fromisoformat(due) - facts.now if due is not None else None
    return left if left is not None and left > timedelta() else None


def _until_pods_tell(facts: Facts) -> timedelta | None:
    if _is_serving(facts):
        return None if _is_settled(facts) else LOADING_POLL
    return WAITING_POLL if facts.run.state == "Pending" else None


def _is_serving(facts: Facts) -> bool:
    return bool(facts.versions.in_store) and facts.serving.wanted > 0


def _is_settled(facts: Facts) -> bool:
    """Whether the runtime pods are there and have told all that is awaited of them."""
    has_told = facts.all_wanted_are_served or facts.versions.failed is not None
    return _is_serving(facts) and has_told and facts.serving.is_rolled_out
