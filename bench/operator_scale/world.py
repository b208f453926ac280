"""What controllers, kubelets and runtimes would do, done at once: Jobs run and end, Deployments roll out, runtimes answer.

No container runs. Pods are made from the operator's own templates, pass through the states that a kubelet reports, and each has
an address of its own on loopback, where a runtime's admin port answers which versions it serves.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Coroutine
from contextlib import suppress
from itertools import count
from typing import Any

from client import Client, Json
from models import kind_of

from testkit.world import a_report

_SELECTOR = "app.kubernetes.io/managed-by=tfmodel-operator"
_MODEL, _PODS, _JOBS = "tfmodel.dev/model", "/api/v1/namespaces/{}/pods", "/apis/batch/v1/namespaces/{}/jobs"
_DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
_BEGIN, _END = "2026-01-02T03:00:00Z", "2026-01-02T03:01:00Z"
_ADMIN_PORT = 8502
_AT_ONCE = 8
_TRACEBACK = "Traceback (most recent call last):\n" + '  File "train.py", line 1, in <module>\n' * 20 + "ValueError: no"


class World:
    """The rest of the cluster. `asked` counts the requests to runtimes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._runs: Counter[tuple[str, str]] = Counter()
        self._seen: dict[str, int] = {}
        self._pods: dict[str, list[str]] = defaultdict(list)
        self._servers: dict[str, asyncio.Server] = {}
        self._numbers = count(1)
        self._work: asyncio.Queue[Coroutine[Any, Any, None]] = asyncio.Queue()
        self.asked = 0

    async def run(self) -> None:
        """Acts until cancelled."""
        workers = (self._worker() for _ in range(_AT_ONCE))
        await asyncio.gather(self._run_jobs(), self._roll_deployments(), *workers)

    async def _worker(self) -> None:
        while True:
            await (await self._work.get())

    async def _run_jobs(self) -> None:
        async for kind, job in self._client.watch("/apis/batch/v1/jobs", _SELECTOR):
            uid = job["metadata"]["uid"]
            if kind != "DELETED" and uid not in self._seen and not job["spec"].get("suspend"):
                self._seen[uid] = 1
                self._work.put_nowait(self._run_job(job))

    async def _roll_deployments(self) -> None:
        async for kind, found in self._client.watch("/apis/apps/v1/deployments", _SELECTOR):
            metadata = found["metadata"]
            if kind != "DELETED" and self._seen.get(metadata["uid"]) != metadata["generation"]:
                self._seen[metadata["uid"]] = metadata["generation"]
                self._work.put_nowait(self._roll(found))

    async def _run_job(self, job: Json) -> None:
        metadata, place = job["metadata"], job["metadata"]["namespace"]
        model = metadata["labels"][_MODEL]
        pod = await self._make_pod(job, f"{metadata['name']}-0", {"batch.kubernetes.io/job-name": metadata["name"]})
        path = f"{_PODS.format(place)}/{pod['metadata']['name']}/status"
        started = {"startTime": _BEGIN, "active": 1}
        await self._client.patch(f"{_JOBS.format(place)}/{metadata['name']}/status", {"status": started})
        await self._client.patch(path, {"status": _pod_status(pod, "Running", {"running": {"startedAt": _BEGIN}})})
        fails = kind_of(model).phase == "Failed"
        if not fails:
            self._runs[place, model] += 1
        said = _TRACEBACK if fails else a_report(self._runs[place, model])
        ended = {
            "exitCode": int(fails),
            "reason": "Error" if fails else "Completed",
            "message": said,
            "finishedAt": _END,
        }
        phase = "Failed" if fails else "Succeeded"
        await self._client.patch(path, {"status": _pod_status(pod, phase, {"terminated": ended})})
        await self._client.patch(
            f"{_JOBS.format(place)}/{metadata['name']}/status", {"status": _job_status(fails=fails)}
        )

    async def _roll(self, found: Json) -> None:
        metadata, place = found["metadata"], found["metadata"]["namespace"]
        replicas = found["spec"]["replicas"]
        before = self._pods.pop(metadata["uid"], [])
        for index in range(replicas):
            name = f"{metadata['name']}-{metadata['generation']}-{index}"
            pod = await self._make_pod(found, name, {})
            address = await self._open(place, metadata["labels"][_MODEL])
            path = f"{_PODS.format(place)}/{name}/status"
            await self._client.patch(path, {"status": _pod_status(pod, "Pending", _creating())})
            running = {"running": {"startedAt": _BEGIN}}
            await self._client.patch(path, {"status": _pod_status(pod, "Running", running, address)})
            self._pods[metadata["uid"]].append(name)
        counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        said = {**dict.fromkeys(counts, replicas), "observedGeneration": metadata["generation"]}
        await self._client.patch(f"{_DEPLOYMENTS.format(place)}/{metadata['name']}/status", {"status": said})
        for name in before:
            await self._client.delete(f"{_PODS.format(place)}/{name}")

    async def _make_pod(self, owner: Json, name: str, labels: Json) -> Json:
        template = owner["spec"]["template"]
        owners = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
        metadata = {
            "name": name,
            "labels": {**template["metadata"]["labels"], **labels},
            "annotations": template["metadata"].get("annotations", {}),
            "ownerReferences": [{**owners, "uid": owner["metadata"]["uid"], "controller": True}],
        }
        pod = {"metadata": metadata, "spec": {**template["spec"], "nodeName": "node-1"}}
        return await self._client.create(_PODS.format(owner["metadata"]["namespace"]), pod)

    async def _open(self, place: str, model: str) -> str:
        """Opens a runtime's admin port on an address of its own."""
        number = next(self._numbers)
        address = f"127.77.{number // 250}.{number % 250 + 1}"

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    self.asked += 1
                    body = _answer(self._runs[place, model])
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            writer.close()

        self._servers[address] = await asyncio.start_server(answer, address, _ADMIN_PORT)
        return address


def _answer(version: int) -> bytes:
    status = {"error_code": "OK", "error_message": ""}
    return json.dumps(
        {"model_version_status": [{"version": str(version), "state": "AVAILABLE", "status": status}]}
    ).encode()


def _creating() -> Json:
    return {"waiting": {"reason": "ContainerCreating"}}


def _pod_status(pod: Json, phase: str, state: Json, address: str | None = None) -> Json:
    """A status of the size that a kubelet reports."""
    conditions = [
        {"type": kind, "status": "True" if address or kind == "PodScheduled" else "False", "lastTransitionTime": _BEGIN}
        for kind in ("PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")
    ]
    addresses = {"podIP": address, "podIPs": [{"ip": address}]} if address else {}
    return {
        "phase": phase,
        "startTime": _BEGIN,
        "hostIP": "10.0.0.1",
        "qosClass": "Burstable",
        "conditions": conditions,
        "containerStatuses": [_container(one, state, ready=bool(address)) for one in pod["spec"]["containers"]],
        "initContainerStatuses": [_container(one, state, ready=False) for one in pod["spec"].get("initContainers", ())],
        **addresses,
    }


def _container(spec: Json, state: Json, *, ready: bool) -> Json:
    identity = "containerd://" + "0" * 64
    known = {"name": spec["name"], "image": spec["image"], "imageID": "sha256:" + "0" * 64, "containerID": identity}
    return {**known, "ready": ready, "started": ready, "restartCount": 0, "state": state}


def _job_status(*, fails: bool) -> Json:
    kinds = ("FailureTarget", "Failed") if fails else ("SuccessCriteriaMet", "Complete")
    told = {"reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"} if fails else {}
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": _END, "lastProbeTime": _END, **told} for kind in kinds
    ]
    counts = {"failed": 1} if fails else {"succeeded": 1, "completionTime": _END}
    return {"startTime": _BEGIN, "active": 0, "conditions": conditions, "uncountedTerminatedPods": {}, **counts}
