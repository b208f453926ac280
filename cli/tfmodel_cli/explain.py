"""`tfmodel explain`: why a TFModel is as it is, from its status in the cluster."""

from collections.abc import Mapping
from typing import Any

from tfmodel_cli.cluster import asking, tfmodel


def explain(name: str, namespace: str | None) -> str:
    """What is to be told of the TFModel.

    Raises:
        CommandError: the cluster cannot be asked, or has no such TFModel.
    """
    with asking(name, namespace) as where:
        return story(tfmodel(name, where))


def story(found: Mapping[str, Any]) -> str:
    """A TFModel's state for people: phase, conditions, the last failure, what serves."""
    status = found.get("status", {})
    lines = [f"TFModel {found['metadata']['namespace']}/{found['metadata']['name']}: {status.get('phase', 'not seen')}"]
    lines += [
        f"  {one['type']:<12} {one['status']:<8} {one['reason']:<24} {one.get('message', '')}"
        for one in status.get("conditions", [])
    ]
    failure = status.get("training", {}).get("lastFailure")
    if failure:
        lines += ["", f"last failure: {failure['reason']}: {failure['message']}", f"  hint: {failure.get('hint', '')}"]
        lines += [f"  | {line}" for line in failure.get("logTail", [])]
    if status.get("activeVersion") is not None:
        lines += ["", f"serves version {status['activeVersion']} in {status.get('replicasSummary')} pods"]
        lines += [f"  {one['protocol']:<8} {one['url']}" for one in status.get("endpoints", [])]
    return "\n".join(lines)
