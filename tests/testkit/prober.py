"""A pod that asks a model for predictions all the time, on new and on kept connections, and counts what fails.

It counts from the first answer on: until then the Service may not have reached every node.
"""

from __future__ import annotations

import json
from typing import Any

from testkit.kubectl import Namespace

PROGRAM = r"""
import http.client, json, os, sys, time
host, path, body = os.environ["HOST"], os.environ["REQUEST_PATH"], os.environ["BODY"]
told = {"ok": 0, "failed": 0, "errors": [], "answers": []}
kept = None
end = time.monotonic() + float(os.environ["SECONDS"])
number = 0
while time.monotonic() < end and not os.path.exists("/tmp/stop"):
    number += 1
    try:
        fresh = number % 2 == 0
        connection = http.client.HTTPConnection(host, 8501, timeout=5) if fresh or kept is None else kept
        connection.request("POST", path, body)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} {text[:200]}")
        if not told["ok"]:
            open("/tmp/answered", "w").write("yes")
        told["ok"] += 1
        if text not in told["answers"]:
            told["answers"].append(text)
        if fresh or answer.will_close:
            connection.close()
        if not fresh:
            kept = None if answer.will_close else connection
    except Exception as error:
        kept = None
        if not told["ok"]:
            continue
        told["failed"] += 1
        told["errors"] = (told["errors"] + [f"{time.time():.1f} {type(error).__name__}: {error}"])[-5:]
    time.sleep(0.02)
print(json.dumps(told), flush=True)
"""


class Prober:
    """Asks `model` for the same prediction from inside the cluster until `stop`."""

    def __init__(self, namespace: Namespace, model: str, body: str, image: str) -> None:
        self.namespace = namespace
        self.name = f"prober-{model}"
        namespace.apply(self._pod(model, body, image))
        namespace.kubectl("wait", "--for=condition=Ready", f"pod/{self.name}", "--timeout=60s")
        asked = ("exec", self.name, "--", "cat", "/tmp/answered")
        namespace.wait_until(lambda: "yes" in namespace.told(*asked), "the prober got an answer", 60)

    def stop(self) -> dict[str, Any]:
        """What came of all the requests: counts of ok and failed, the last errors, the distinct answers."""
        self.namespace.kubectl("exec", self.name, "--", "touch", "/tmp/stop")
        phase = "jsonpath={.status.phase}=Succeeded"
        self.namespace.kubectl("wait", f"--for={phase}", f"pod/{self.name}", "--timeout=30s")
        told: dict[str, Any] = json.loads(self.namespace.kubectl("logs", self.name).strip().splitlines()[-1])
        self.namespace.kubectl("delete", "pod", self.name, "--wait=false")
        return told

    def _pod(self, model: str, body: str, image: str) -> dict[str, Any]:
        env = {"HOST": model, "REQUEST_PATH": f"/v1/models/{model}:predict", "BODY": body, "SECONDS": "600"}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.name},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 1,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": "prober",
                        "image": image,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["python3", "-c", PROGRAM],
                        "env": [{"name": name, "value": value} for name, value in env.items()],
                        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "capabilities": {"drop": ["ALL"]},
                            "readOnlyRootFilesystem": True,
                        },
                        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
                    }
                ],
                "volumes": [{"name": "tmp", "emptyDir": {}}],
            },
        }
