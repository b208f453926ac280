"""`training.schedule`: which of its times started the wanted run, and when the next run is due.

The next time is kept in status, so that a time which passed while nobody looked, or while a run was under way, is taken once and
late, and of several such times the last run is the only one.
"""

from datetime import UTC, datetime, timedelta

from cronsim import CronSim

from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.plan.naming import run_key


def wanted(model: TFModel, now: datetime) -> str | None:
    """The time of the schedule that the wanted run belongs to; None if it is the spec itself that asks for the run.

    A run of the same recipe goes on, however late it is; a changed recipe is a run of its own, whatever the clock says.
    """
    last = model.status.training
    if last is None or run_key(model, last.scheduled_at) != last.run_key:
        return None
    due = _recorded(model)
    is_over = last.state in ("Succeeded", "Failed")
    is_held = model.spec.training is None or model.spec.training.suspend
    if not is_over or is_held or due is None or due > now:
        return last.scheduled_at
    return _text(due)


def next_time(model: TFModel, taken: str | None, now: datetime) -> str | None:
    """When the schedule starts the next run, once `taken` has been taken; None without a schedule."""
    if _schedule(model) is None:
        return None
    recorded = _recorded(model)
    if recorded is not None and _text(recorded) != taken:
        return _text(recorded)
    return _text(_after(model, now))


def _schedule(model: TFModel) -> str | None:
    return model.spec.training.schedule if model.spec.training is not None else None


def _recorded(model: TFModel) -> datetime | None:
    """The next time that status holds, if it is one of the schedule as it is now."""
    last = model.status.training
    if last is None or last.next_scheduled_at is None or _schedule(model) is None:
        return None
    time = datetime.fromisoformat(last.next_scheduled_at)
    return time if _after(model, time - timedelta(seconds=1)) == time else None


def _after(model: TFModel, time: datetime) -> datetime:
    return next(CronSim(str(_schedule(model)), time.astimezone(UTC)))


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
