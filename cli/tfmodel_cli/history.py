"""Where `tfmodel plot` gets a training's epochs from: a file, a version's folder, or the pods of a TFModel in the cluster.

The pods are read as `kubectl exec` reads them, with the caller's own rights: no port of theirs tells of trainings to everyone.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmodel.progress import HISTORY_FILE, MOST_HISTORY_BYTES, Epoch, read_bounded, read_history
from tfmodel.store.layout import HISTORY
from tfmodel_cli.cluster import asking, tfmodel
from tfmodel_cli.errors import CommandError

_READ_SECONDS = 30
_SIDECAR = ("progress", f"/run/tfmodel/logs/{HISTORY_FILE}")


def of_path(path: Path) -> list[Epoch]:
    """The epochs in a history file, or in the folder of a version.

    Raises:
        CommandError: there are none.
    """
    file = path / HISTORY if path.is_dir() else path
    content = read_bounded(file, MOST_HISTORY_BYTES)
    if content is None:
        raise CommandError(
            f"{file}: there is no history that can be read", "name a version's folder, or a history file"
        )
    return parsed(content.decode(errors="replace"), str(file))


def parsed(text: str, source: str) -> list[Epoch]:
    """The epochs in a text: a JSON list, or a line for each.

    Raises:
        CommandError: there are none.
    """
    try:
        listed = json.loads(text)
        lines = [json.dumps(one) for one in listed] if isinstance(listed, list) else text.splitlines()
    except ValueError:
        lines = text.splitlines()
    epochs = read_history(lines)
    if not epochs:
        hint = "report epochs with tfmodel.train, see docs/how-to/training-containers.md"
        raise CommandError(f"{source}: it tells of no epoch", hint)
    return epochs


def of_cluster(name: str, namespace: str | None) -> list[Epoch]:
    """The epochs of the training that runs, else those of the version that serves.

    Raises:
        CommandError: the cluster cannot be asked, or no pod can tell.
    """
    from kubernetes import client

    with asking(name, namespace) as where:
        status = tfmodel(name, where).get("status") or {}
        pods = client.CoreV1Api().list_namespaced_pod(where, label_selector=f"tfmodel.dev/model={name}").items
        pod, container, file = _place(name, status, pods)
        return parsed(_read(client.CoreV1Api(), where, pod, container, file), f"pod {pod}")


def _place(name: str, status: Mapping[str, Any], pods: list[Any]) -> tuple[str, str, str]:
    """Pod, container and file to read."""
    training = [
        pod for pod in pods if pod.metadata.labels.get("app.kubernetes.io/component") == "training" and _runs(pod)
    ]
    if training:
        return training[0].metadata.name, *_SIDECAR
    version = status.get("activeVersion")
    serving = [
        pod for pod in pods if pod.metadata.labels.get("app.kubernetes.io/component") == "serving" and _runs(pod)
    ]
    if version is None or not serving:
        raise CommandError(f"TFModel {name} neither trains nor serves", f"see tfmodel explain {name}")
    return serving[0].metadata.name, "runtime", f"/models/{name}/{version}/{HISTORY}"


def _runs(pod: Any) -> bool:
    states = [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]
    running = {state.name for state in states if state.state.running is not None}
    return bool(running & {"progress", "runtime"})


def _read(api: Any, namespace: str, pod: str, container: str, file: str) -> str:
    from kubernetes.stream import stream

    answer = stream(
        api.connect_get_namespaced_pod_exec,
        pod,
        namespace,
        container=container,
        command=["head", "-c", str(MOST_HISTORY_BYTES), file],
        stdout=True,
        stderr=False,
        stdin=False,
        tty=False,
        _preload_content=False,
    )
    answer.run_forever(timeout=_READ_SECONDS)
    text: str = answer.read_all()
    return text
