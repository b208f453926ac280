"""What controllers and a kubelet would do to a Job, done by hand: its pod ends with a report, and it is complete."""

from __future__ import annotations

import json
from typing import Any

from testkit.apiserver import ApiServer
from testkit.world import a_report

Json = dict[str, Any]
_BEGIN, _END = "2026-01-02T03:00:00Z", "2026-01-02T03:01:00Z"


def begin(server: ApiServer, job: Json) -> None:
    """Lets a Job have a pod that trains, until somebody deletes it."""
    _patch_status(server, _pod(server, job), {"phase": "Running", "startTime": _BEGIN})


def finish(server: ApiServer, job: Json, *, version: int = 1) -> None:
    """Lets a Job end with a version."""
    metadata = job["metadata"]
    place = ("--namespace", metadata["namespace"])
    pod = _pod(server, job)
    ended = {"exitCode": 0, "reason": "Completed", "message": a_report(version), "finishedAt": _END}
    _patch_status(
        server,
        pod,
        {
            "phase": "Succeeded",
            "containerStatuses": [
                {
                    "name": "export",
                    "image": "image:1",
                    "imageID": "",
                    "ready": False,
                    "restartCount": 0,
                    "state": {"terminated": ended},
                }
            ],
        },
    )
    complete = [
        {"type": kind, "status": "True", "lastTransitionTime": _END, "lastProbeTime": _END}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    said = {"startTime": _BEGIN, "completionTime": _END, "succeeded": 1, "conditions": complete}
    _patch_status(server, ("job", metadata["name"], *place), {**said, "uncountedTerminatedPods": {}})


def _pod(server: ApiServer, job: Json) -> tuple[str, ...]:
    """Makes the Job's pod; what names it to kubectl."""
    metadata = job["metadata"]
    name, place = f"{metadata['name']}-0", ("--namespace", metadata["namespace"])
    labels = {**job["spec"]["template"]["metadata"]["labels"], "batch.kubernetes.io/job-name": metadata["name"]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "containers": [{"name": "export", "image": "image:1"}],
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
        },
    }
    server.kubectl("create", *place, "-f", "-", stdin=json.dumps(pod))
    return ("pod", name, *place)


def _patch_status(server: ApiServer, target: tuple[str, ...], status: Json) -> None:
    server.kubectl(
        "patch", *target, "--subresource=status", "--type=merge", f"--patch={json.dumps({'status': status})}"
    )
