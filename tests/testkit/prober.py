"""A pod that asks a model for predictions all the time, over REST and gRPC, on new and on kept connections, and counts what fails.

It counts from the first answer on: until then the Service may not have reached every node.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from testkit.kubectl import Namespace

WAYS = ("REST new", "REST kept", "gRPC new", "gRPC kept")
# grpcio is a stock client's, with its own idea of retries and of when a connection is lost.
PROGRAM = r"""
import grpc, http.client, json, numpy, os, time
from tfmodel.wire.messages import PredictRequest, PredictResponse
from tfmodel.wire.tensors import to_array, to_proto

host, model, rows = os.environ["HOST"], os.environ["MODEL"], json.loads(os.environ["ROWS"])
body = json.dumps({"instances": rows})
request = PredictRequest()
request.model_spec.name = model
request.inputs[os.environ["INPUT"]].CopyFrom(to_proto(numpy.array(rows, numpy.float32)))
kept = {}

def over_rest(connection):
    connection.request("POST", f"/v1/models/{model}:predict", body)
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} {text[:200]}")
    return json.loads(text)["predictions"], not answer.will_close

def over_grpc(channel):
    predict = channel.unary_unary(
        "/tensorflow.serving.PredictionService/Predict", PredictRequest.SerializeToString, PredictResponse.FromString
    )
    (output,) = predict(request, timeout=5).outputs.values()
    return to_array(output).tolist(), True

def new(protocol):
    if protocol == "REST":
        return http.client.HTTPConnection(host, 8501, timeout=5)
    return grpc.insecure_channel(f"{host}:8500", [("grpc.use_local_subchannel_pool", 1)])

def ask(way):
    protocol, which = way.split()
    connection = kept.pop(way, None) or new(protocol)
    goes_on = False
    try:
        answered, goes_on = (over_rest if protocol == "REST" else over_grpc)(connection)
    finally:
        # A channel that failed is kept all the same: it connects anew by itself, as a client's does.
        if which == "kept" and (goes_on or protocol == "gRPC"):
            kept[way] = connection
        else:
            connection.close()
    return answered

ways = os.environ["WAYS"].split(",")
told = {"ok": dict.fromkeys(ways, 0), "failed": 0, "errors": [], "answers": []}
end = time.monotonic() + float(os.environ["SECONDS"])
number = 0
while time.monotonic() < end and not os.path.exists("/tmp/stop"):
    number += 1
    way = ways[number % len(ways)]
    try:
        answered = ask(way)
        if answered not in told["answers"]:
            told["answers"].append(answered)
        told["ok"][way] += 1
        if all(told["ok"].values()) and not os.path.exists("/tmp/answered"):
            open("/tmp/answered", "w").write("yes")
    except Exception as error:
        if not told["ok"][way]:
            continue
        told["failed"] += 1
        told["errors"] = (told["errors"] + [f"{time.time():.1f} {way} {type(error).__name__}: {error}"])[-5:]
    time.sleep(0.02)
print(json.dumps(told), flush=True)
"""


class Prober:
    """Asks `model` for predictions of the same rows of its one input, floats, from inside the cluster until `stop`."""

    def __init__(
        self, namespace: Namespace, model: str, rows: Sequence[float], image: str, *, of_input: str = "x"
    ) -> None:
        self.namespace = namespace
        self.name = f"prober-{model}"
        namespace.apply(self._pod(model, rows, image, of_input))
        namespace.kubectl("wait", "--for=condition=Ready", f"pod/{self.name}", "--timeout=60s")
        asked = ("exec", self.name, "--", "cat", "/tmp/answered")
        namespace.wait_until(lambda: "yes" in namespace.told(*asked), "the prober got an answer of each kind", 60)

    def stop(self) -> dict[str, Any]:
        """What came of all the requests: counts of ok for each of WAYS and of failed, the last errors, the distinct answers in order."""
        self.namespace.kubectl("exec", self.name, "--", "touch", "/tmp/stop")
        phase = "jsonpath={.status.phase}=Succeeded"
        self.namespace.kubectl("wait", f"--for={phase}", f"pod/{self.name}", "--timeout=30s")
        told: dict[str, Any] = json.loads(self.namespace.kubectl("logs", self.name).strip().splitlines()[-1])
        self.namespace.kubectl("delete", "pod", self.name, "--wait=false")
        return told

    def _pod(self, model: str, rows: Sequence[float], image: str, of_input: str) -> dict[str, Any]:
        asked = {"HOST": model, "MODEL": model, "INPUT": of_input, "ROWS": json.dumps(list(rows))}
        env = {**asked, "WAYS": ",".join(WAYS), "SECONDS": "600", "GRPC_VERBOSITY": "NONE"}
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
                        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
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
