"""Reading Kubernetes objects by path, and the few facts that several decisions need from them."""

from collections.abc import Iterable, Mapping
from typing import Any

from tfmodel_operator.values import Manifest


def at(found: Manifest | None, *path: str) -> Any:
    """The value at a path of an object; None where the path ends early."""
    value: Any = found
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def name_of(found: Manifest) -> str:
    """metadata.name."""
    return str(at(found, "metadata", "name"))


def uid_of(found: Manifest) -> str:
    """metadata.uid."""
    return str(at(found, "metadata", "uid"))


def label_of(found: Manifest, label: str) -> str | None:
    """The value of a label."""
    value = at(found, "metadata", "labels", label)
    return None if value is None else str(value)


def condition_of(found: Manifest | None, kind: str) -> Manifest | None:
    """The condition of that type, if its status is True."""
    conditions: Iterable[Manifest] = at(found, "status", "conditions") or ()
    return next((one for one in conditions if one.get("type") == kind and one.get("status") == "True"), None)


def is_owned_by(found: Manifest, uid: str) -> bool:
    """Whether the object is controlled by the owner with that uid."""
    owners: Iterable[Manifest] = at(found, "metadata", "ownerReferences") or ()
    return any(owner.get("uid") == uid for owner in owners)


def container_states(pod: Manifest) -> list[Manifest]:
    """Status of the pod's containers, in the order in which they run: init containers first."""
    return [*(at(pod, "status", "initContainerStatuses") or ()), *(at(pod, "status", "containerStatuses") or ())]


def is_ready(pod: Manifest) -> bool:
    """Whether the pod is ready and not on its way out."""
    return condition_of(pod, "Ready") is not None and at(pod, "metadata", "deletionTimestamp") is None
