"""A cluster in memory: it keeps what is applied, and moves Jobs and Deployments on as their controllers would.

It knows just enough to find out where a sequence of plans ends: a Job trains, exports and completes with the next version of
its store, and leaves its pod for a round when it is deleted; a Deployment's pods become ready and answer with the versions that
their flag asks for.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from testkit.world import NOW, RELEASE, THEN, a_report, ended, running
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.plan import plan
from tfmodel_operator.values import Apply, Observation, Plan, ServedVersion

Json = dict[str, Any]


class CrashError(Exception):
    """The operator died after so many effects."""


class Cluster:
    """One TFModel and its children. `effects_left` calls succeed, then the operator crashes once."""

    def __init__(self, model: TFModel, effects_left: int | None = None) -> None:
        self.model = model
        self.effects_left = effects_left
        self.objects: dict[tuple[str, str], Json] = {}
        self.store: list[int] = []
        self.jobs_made: list[str] = []
        self.most_at_once = 0
        self.events: list[str] = []

    def observe(self) -> Observation:
        found = self.objects.items()
        pods = tuple(one for (kind, _), one in found if kind == "Pod")
        ready = [pod for pod in pods if pod["metadata"]["labels"].get("app.kubernetes.io/component") == "serving"]
        return Observation(
            jobs=tuple(one for (kind, _), one in found if kind == "Job"),
            pods=pods,
            deployment=self.objects.get(("Deployment", self.model.name)),
            service=self.objects.get(("Service", self.model.name)),
            volume_claim=self.objects.get(("PersistentVolumeClaim", f"{self.model.name}-store")),
            served={pod["metadata"]["name"]: self._answer(pod) for pod in ready},
        )

    def reconcile(self) -> Plan:
        """One round as the operator's rim carries it out: apply, status, delete, events."""
        made = plan(self.model, self.observe(), NOW, RELEASE)
        for one in made.apply:
            self._apply(one)
            self._effect()
        if made.status != self.model.status:
            self.model = self.model.model_copy(update={"status": made.status})
            self._effect()
        for key in made.delete:
            self._delete_job(key.name)
            self._effect()
        self.events += [event.reason for event in made.events]
        return made

    def settle(self, rounds: int = 40) -> None:
        """Rounds of the operator and the controllers until nothing changes; a crash costs one round."""
        for _ in range(rounds):
            before = (copy.deepcopy(self.objects), self.model.status)
            if self.advance() and before == (self.objects, self.model.status):
                return
        raise AssertionError("the cluster did not settle")

    def advance(self) -> bool:
        """One round of the operator and, if it did not crash, of the controllers; whether it did not."""
        try:
            self.reconcile()
        except CrashError:
            return False
        self._controllers()
        return True

    def _effect(self) -> None:
        if self.effects_left is None:
            return
        self.effects_left -= 1
        if self.effects_left == 0:
            self.effects_left = None
            raise CrashError

    def _apply(self, one: Apply) -> None:
        manifest: Mapping[str, Any] = one.manifest
        key = (manifest["kind"], manifest["metadata"]["name"])
        if key not in self.objects:
            self.objects[key] = {"status": {}}
            if manifest["kind"] == "Job":
                self.jobs_made.append(key[1])
        found = self.objects[key]
        uid = f"uid-{key[1]}"
        found.update(copy.deepcopy({**found, **manifest, "spec": {**found.get("spec", {}), **manifest["spec"]}}))
        found["metadata"] = {**found["metadata"], "uid": uid, "generation": 1, "creationTimestamp": THEN}

    def _delete_job(self, name: str) -> None:
        self.objects.pop(("Job", name), None)
        pod = self.objects.get(("Pod", f"{name}-0"))
        if pod is not None:
            pod["metadata"]["deletionTimestamp"] = NOW.isoformat()

    def _controllers(self) -> None:
        for (kind, name), found in list(self.objects.items()):
            if kind == "Job":
                self._job(name, found)
            elif kind == "Deployment":
                self._deployment(name, found)
        self.most_at_once = max(self.most_at_once, sum(map(_trains, self.objects.values())))
        for key in [key for key, found in self.objects.items() if "deletionTimestamp" in found["metadata"]]:
            del self.objects[key]

    def _job(self, name: str, found: Json) -> None:
        if found["spec"].get("suspend"):
            found["status"] = {"conditions": [{"type": "Suspended", "status": "True"}]}
            self.objects.pop(("Pod", f"{name}-0"), None)
            return
        pod = self.objects.get(("Pod", f"{name}-0"))
        if pod is None:
            found["status"] = {"startTime": THEN, "active": 1, "conditions": []}
            self.objects["Pod", f"{name}-0"] = self._job_pod(name, found, [running("train")])
        elif pod["status"]["initContainerStatuses"] == [running("train")]:
            self.objects["Pod", f"{name}-0"] = self._job_pod(name, found, [ended("train"), running("export")])
        elif pod["status"]["phase"] == "Running":
            self._complete(name, found)

    def _complete(self, name: str, found: Json) -> None:
        self.store.append(max(self.store, default=0) + 1)
        self.store = self.store[-self.model.spec.storage.keep_versions :]
        report = ended("export", message=a_report(self.store[-1], tuple(self.store)))
        self.objects["Pod", f"{name}-0"] = self._job_pod(name, found, [ended("train"), report], "Succeeded")
        conditions = [{"type": "Complete", "status": "True", "lastTransitionTime": THEN}]
        found["status"] = {"startTime": THEN, "completionTime": THEN, "succeeded": 1, "conditions": conditions}

    @staticmethod
    def _job_pod(name: str, found: Json, states: list[Json], phase: str = "Running") -> Json:
        template = found["spec"]["template"]
        labels = {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": name}
        return {
            "metadata": {"name": f"{name}-0", "uid": f"uid-{name}-0", "labels": labels, "creationTimestamp": THEN},
            "spec": template["spec"],
            "status": {
                "phase": phase,
                "initContainerStatuses": states[:1],
                "containerStatuses": states[1:],
                "conditions": [{"type": "PodScheduled", "status": "True"}],
            },
        }

    def _deployment(self, name: str, found: Json) -> None:
        wanted = found["spec"]["replicas"]
        found["status"] = {"observedGeneration": 1, "replicas": wanted, "updatedReplicas": wanted}
        for key in [key for key in self.objects if key[0] == "Pod" and key[1].startswith(f"{name}-serving-")]:
            del self.objects[key]
        template = found["spec"]["template"]
        for number in range(wanted):
            pod = f"{name}-serving-{number}"
            self.objects["Pod", pod] = {
                "metadata": {"name": pod, "uid": f"uid-{pod}", "labels": template["metadata"]["labels"]},
                "spec": template["spec"],
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
            }

    def _answer(self, pod: Json) -> tuple[ServedVersion, ...]:
        flag = next(arg for arg in pod["spec"]["containers"][0]["args"] if arg.startswith("--model_version_policy="))
        policy = flag.partition("=")[2]
        kind, _, rest = policy.partition(":")
        if kind == "specific":
            wanted = [int(number) for number in rest.split(",") if int(number) in self.store]
        else:
            wanted = self.store if kind == "all" else self.store[-int(rest) :]
        return tuple(ServedVersion(number, "AVAILABLE") for number in wanted)


def _trains(found: Json) -> bool:
    return bool(found.get("status", {}).get("phase") == "Running" and "initContainerStatuses" in found["status"])
