"""Asking the cluster that kubectl would ask, and what is said when it cannot be asked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tfmodel.api.v1alpha1 import GROUP, PLURAL, VERSION
from tfmodel_cli.errors import CommandError


@contextmanager
def asking(name: str, namespace: str | None) -> Iterator[str]:
    """The namespace, with the cluster's client configured; its errors end as sentences.

    Raises:
        CommandError: no cluster is configured, it does not answer, or it refuses.
    """
    from kubernetes import config
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        config.load_kube_config()
        _contexts, active = config.list_kube_config_contexts()
        yield namespace or active["context"].get("namespace") or "default"
    except config.ConfigException as error:
        raise CommandError(f"no cluster is configured: {error}", "set KUBECONFIG") from error
    except ApiException as error:
        raise CommandError(f"TFModel {name}: {error.reason}", "see kubectl get tfm -A") from error
    except HTTPError as error:
        raise CommandError(f"the cluster does not answer: {error}") from error


def tfmodel(name: str, namespace: str) -> Mapping[str, Any]:
    """The TFModel as the API server has it, asked for inside `asking`."""
    from kubernetes import client

    found: Mapping[str, Any] = client.CustomObjectsApi().get_namespaced_custom_object(
        GROUP, VERSION, namespace, PLURAL, name
    )
    return found
