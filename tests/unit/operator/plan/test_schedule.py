"""Training by the clock: which run is wanted at which time, once each, one at a time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from testkit.world import NOW, RELEASE, TRAINING, a_tfmodel
from tfmodel.api.status import TFModelStatus, TrainingStatus
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.plan import plan
from tfmodel_operator.plan.naming import run_key
from tfmodel_operator.read import name_of
from tfmodel_operator.values import Observation, Plan

DAILY = {**TRAINING, "schedule": "0 3 * * *"}
AT_THREE = datetime(2026, 1, 3, 3, tzinfo=UTC)


def planned(model: TFModel, now: datetime) -> Plan:
    return plan(model, Observation(), now, RELEASE)


def after(model: TFModel, made: Plan, **training: Any) -> TFModel:
    """The model once the plan's status is stored; `training` is what its Job made of the run meanwhile."""
    assert made.status.training is not None
    told = made.status.training.model_copy(update=training)
    return model.model_copy(update={"status": made.status.model_copy(update={"training": told})})


def jobs(made: Plan) -> list[str]:
    return [name_of(one.manifest) for one in made.apply if one.manifest["kind"] == "Job"]


def trained_once(now: datetime = NOW) -> TFModel:
    model = a_tfmodel(training=DAILY)
    return after(model, planned(model, now), state="Succeeded", started_at="2026-01-02T03:04:06Z")


def test_the_first_run_does_not_wait_for_the_clock() -> None:
    model = a_tfmodel(training=DAILY)
    made = planned(model, NOW)
    assert jobs(made) == [f"iris-{run_key(model)}"]
    assert made.status.training is not None
    assert made.status.training.next_scheduled_at == "2026-01-03T03:00:00Z"


def test_it_looks_again_when_the_next_run_is_due_and_not_before() -> None:
    model = trained_once()
    made = planned(model, NOW)
    assert jobs(made) == []
    assert made.requeue_after == AT_THREE - NOW


def test_a_time_that_has_come_starts_one_run() -> None:
    made = planned(trained_once(), AT_THREE)
    assert len(jobs(made)) == 1
    assert jobs(made) != jobs(planned(a_tfmodel(training=DAILY), NOW))
    status = made.status.training
    assert status is not None
    assert (status.scheduled_at, status.next_scheduled_at) == ("2026-01-03T03:00:00Z", "2026-01-04T03:00:00Z")
    begun = after(trained_once(), made, state="Succeeded")
    assert jobs(planned(begun, AT_THREE + timedelta(hours=1))) == []


def test_of_missed_times_one_run_comes() -> None:
    made = planned(trained_once(), AT_THREE + timedelta(days=5, hours=2))
    assert len(jobs(made)) == 1
    assert made.status.training is not None
    assert made.status.training.next_scheduled_at == "2026-01-09T03:00:00Z"


def test_a_time_that_comes_during_a_run_is_taken_after_it() -> None:
    model = a_tfmodel(training=DAILY)
    running = after(model, planned(model, NOW), state="Running")
    made = planned(running, AT_THREE)
    assert jobs(made) == [f"iris-{run_key(model)}"]
    over = after(running, made, state="Failed")
    later = planned(over, AT_THREE + timedelta(minutes=20))
    assert jobs(later) == [f"iris-{run_key(model, '2026-01-03T03:00:00Z')}"]


def test_a_changed_recipe_is_its_own_run() -> None:
    changed = a_tfmodel(training={**DAILY, "params": {"epochs": "2"}}, status=trained_once().status)
    assert jobs(planned(changed, NOW)) == [f"iris-{run_key(changed)}"]


def test_adding_or_changing_a_schedule_starts_nothing() -> None:
    plain = a_tfmodel()
    done = after(plain, planned(plain, NOW), state="Succeeded")
    noon = NOW.replace(hour=12)
    for schedule, due in (("0 3 * * *", "2026-01-03T03:00:00Z"), ("30 5 * * *", "2026-01-03T05:30:00Z")):
        model = a_tfmodel(training={**TRAINING, "schedule": schedule}, status=done.status)
        made = planned(model, noon)
        assert jobs(made) == []
        assert made.status.training is not None
        assert made.status.training.next_scheduled_at == due
        done = after(model, made)


def test_a_suspended_model_waits() -> None:
    held = a_tfmodel(training={**DAILY, "suspend": True}, status=trained_once().status)
    assert jobs(planned(held, AT_THREE)) == []


def test_without_a_schedule_nothing_is_due() -> None:
    unscheduled = a_tfmodel(status=trained_once().status)
    made = planned(unscheduled, AT_THREE)
    assert made.status.training is not None
    assert made.status.training.next_scheduled_at is None
    assert jobs(made) == []


@pytest.mark.parametrize("wrong", ["99 * * * *", "* * * *", "every day", "0 3 * * * *", "0 3 31 2 x"])
def test_what_is_no_schedule_is_refused_by_its_name(wrong: str) -> None:
    with pytest.raises(ValidationError, match="schedule"):
        a_tfmodel(training={**TRAINING, "schedule": wrong})


def test_an_unscheduled_status_is_untouched() -> None:
    assert planned(a_tfmodel(status=TFModelStatus()), NOW).status.training == TrainingStatus(
        run_id="1", run_key=run_key(a_tfmodel()), state="Pending"
    )
