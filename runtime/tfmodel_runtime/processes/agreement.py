"""What several processes are together: pure functions of what each one tells.

A process counts that takes connections, and one that has not done so yet since the server started. One that is started again after
its end does not count until it takes connections: the others answer meanwhile.
"""

from collections.abc import Iterable, Sequence

from tfmodel_runtime.servables.servable import VersionState
from tfmodel_runtime.servables.states import State

_AVAILABLE, _END = State.AVAILABLE.wire_name, State.UNLOADED.wire_name
_UNLOADING, _START, _LOADING = State.DRAINING.wire_name, State.NEW.wire_name, State.LOADING.wire_name


def together(told: Iterable[Sequence[VersionState]]) -> list[VersionState]:
    """The state of each version in all processes, each of which tells of its versions; the newest first.

    A version is AVAILABLE if it is so in each.
    """
    by_process = [{one.version: one for one in states} for states in told]
    versions = {version for states in by_process for version in states}
    return [_state([states.get(version) for states in by_process]) for version in sorted(versions, reverse=True)]


def _state(told: Sequence[VersionState | None]) -> VersionState:
    """The state of one version; None stands for a process that knows nothing of it."""
    known = [one for one in told if one is not None]
    failed = next((one for one in known if one.state == _END and one.error_code), None)
    if failed is not None:
        return failed
    states = {one.state for one in known}
    first = known[0]
    failing = next((one for one in known if one.error_code), first)
    return VersionState(first.version, _name(states, len(known) < len(told)), failing.error_code, failing.error_message)


def _name(states: set[str], is_unknown_to_some: bool) -> str:
    if states == {_END}:
        return _END
    if states & {_UNLOADING, _END}:
        return _UNLOADING
    if states == {_AVAILABLE} and not is_unknown_to_some:
        return _AVAILABLE
    return _START if states == {_START} else _LOADING
