"""`tfmodel explain`: why a TFModel is as it is, from its status in the cluster."""

from collections.abc import Mapping
from typing import Any

from tfmodel.api.v1alpha1 import GROUP, PLURAL, VERSION
from tfmodel_cli.errors import CommandError


def explain(name: str, namespace: str | None) -> str:
    """What is to be told of the TFModel.

    Raises:
        CommandError: the cluster cannot be asked, or has no such TFModel.
    """
    return story(_get(name, namespace))


def _get(name: str, namespace: str | None) -> Mapping[str, Any]:
    from kubernetes import client, config
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        config.load_kube_config()
        _contexts, active = config.list_kube_config_contexts()
        where = namespace or active["context"].get("namespace") or "default"
        found: Mapping[str, Any] = client.CustomObjectsApi().get_namespaced_custom_object(
            GROUP, VERSION, where, PLURAL, name
        )
    except config.ConfigException as error:
        raise CommandError(f"no cluster is configured: {error}", "set KUBECONFIG") from error
    except ApiException as error:
        raise CommandError(f"TFModel {name}: {error.reason}", "see kubectl get tfm -A") from error
    except HTTPError as error:
        raise CommandError(f"the cluster does not answer: {error}") from error
    return found


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
