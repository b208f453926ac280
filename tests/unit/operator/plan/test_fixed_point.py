"""Where a sequence of plans ends: the same end, whatever is interrupted, and one Job a run."""

from typing import Any

import pytest

from testkit.cluster import Cluster
from testkit.world import NOW, RELEASE, TRAINING, a_tfmodel, conditions_of
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.plan import plan
from tfmodel_operator.plan.naming import job_name

SPECS: dict[str, dict[str, Any]] = {
    "trained": {},
    "imported": {"source": {"uri": "pvc://claim/model"}},
    "two-replicas": {"serving": {"replicas": 2}},
    "stopped": {"serving": {"replicas": 0}},
    "all-versions": {"serving": {"versionPolicy": {"all": {}}}},
    "existing-claim": {"storage": {"existingClaim": "shared"}},
}
CRASH_POINTS = range(1, 13)


def respecified(cluster: Cluster, model: TFModel) -> None:
    cluster.model = model.model_copy(update={"status": cluster.model.status})


@pytest.mark.parametrize("name", SPECS)
def test_every_model_settles_and_then_nothing_is_left_to_do(name: str) -> None:
    cluster = Cluster(a_tfmodel(**SPECS[name]))
    cluster.settle()
    done = plan(cluster.model, cluster.observe(), NOW, RELEASE)
    assert done.status == cluster.model.status
    assert done.events == ()
    assert not {"Stalled", "Reconciling"} & set(conditions_of(done.status))


@pytest.mark.parametrize("effects", CRASH_POINTS)
@pytest.mark.parametrize("name", SPECS)
def test_a_crash_after_any_effect_ends_in_the_same_state(name: str, effects: int) -> None:
    model = a_tfmodel(**SPECS[name])
    smooth, crashed = Cluster(model), Cluster(model, effects_left=effects)
    smooth.settle()
    crashed.settle()
    assert crashed.objects == smooth.objects
    assert crashed.model.status == smooth.model.status
    assert len(crashed.jobs_made) == 1


@pytest.mark.parametrize("effects", CRASH_POINTS)
def test_a_crash_during_a_second_run_makes_no_second_job(effects: int) -> None:
    cluster = Cluster(a_tfmodel())
    cluster.settle()
    cluster.effects_left = effects
    respecified(cluster, a_tfmodel(training={**TRAINING, "runId": "2"}))
    cluster.settle()
    assert len(cluster.jobs_made) == len(set(cluster.jobs_made)) == 2
    assert (cluster.model.status.active_version, cluster.store) == (2, [1, 2])


@pytest.mark.parametrize("rounds", range(1, 4))
@pytest.mark.parametrize("effects", [None, *CRASH_POINTS])
def test_a_change_during_a_run_starts_one_other_run_once_the_first_is_gone(rounds: int, effects: int | None) -> None:
    cluster = Cluster(a_tfmodel(), effects_left=effects)
    for _ in range(rounds):
        cluster.advance()
    changed = a_tfmodel(training={**TRAINING, "params": {"epochs": "9"}}, generation=2)
    respecified(cluster, changed)
    cluster.settle()
    assert cluster.most_at_once == 1
    assert cluster.jobs_made[-1] == job_name(changed)
    assert len(cluster.jobs_made) == len(set(cluster.jobs_made)) <= 2
    assert cluster.model.status.phase == "Ready"
    assert cluster.model.status.active_version == cluster.store[-1]


def test_of_several_changes_during_a_run_only_the_last_is_run() -> None:
    cluster = Cluster(a_tfmodel())
    cluster.advance()
    for number in range(5):
        respecified(cluster, a_tfmodel(training={**TRAINING, "params": {"epochs": str(number)}}))
        cluster.reconcile()
    cluster.settle()
    assert cluster.most_at_once == 1
    assert cluster.jobs_made == [job_name(a_tfmodel()), job_name(cluster.model)]
    assert (cluster.store, cluster.model.status.active_version) == ([1], 1)


def test_pinning_and_unpinning_go_there_and_back() -> None:
    cluster = Cluster(a_tfmodel())
    cluster.settle()
    again = {**TRAINING, "runId": "2"}
    respecified(cluster, a_tfmodel(training=again))
    cluster.settle()
    respecified(cluster, a_tfmodel(training=again, serving={"pinnedVersion": 1}))
    cluster.settle()
    assert cluster.model.status.active_version == 1
    respecified(cluster, a_tfmodel(training=again))
    cluster.settle()
    assert cluster.model.status.active_version == 2
    assert len(cluster.jobs_made) == 2


def test_a_suspended_run_goes_on_when_it_is_let_go() -> None:
    cluster = Cluster(a_tfmodel())
    cluster.reconcile()
    respecified(cluster, a_tfmodel(training={**TRAINING, "suspend": True}))
    cluster.settle()
    assert cluster.model.status.phase == "Suspended"
    respecified(cluster, a_tfmodel())
    cluster.settle()
    assert cluster.model.status.phase == "Ready"
    assert len(cluster.jobs_made) == 1


def test_old_versions_are_retired_as_new_ones_come() -> None:
    spec: dict[str, Any] = {"storage": {"keepVersions": 2}}
    cluster = Cluster(a_tfmodel(**spec))
    for number in range(1, 6):
        respecified(cluster, a_tfmodel(training={**TRAINING, "runId": str(number)}, **spec))
        cluster.settle()
    states = {version.version: version.state for version in cluster.model.status.versions or ()}
    assert states == {5: "Available", 4: "Published", 3: "Retired", 2: "Retired", 1: "Retired"}
    assert len([key for key in cluster.objects if key[0] == "Job"]) == 3
