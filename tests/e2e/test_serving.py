"""What `spec.serving` offers beside predictions, in real pods: labels, batching, a handler, certificates and tokens."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from typing import Any

from testkit.certificates import Authority
from testkit.kubectl import Namespace
from testkit.prober import Prober
from testkit.tiny_models import QUICK, SCRIPTS, tfmodel, training

HANDLER = """
from tfmodel.serving import TfServingBaseService

class Service(TfServingBaseService):
    def _postprocess(self, data):
        return {"FIRST": data["y"]}
"""


def handler_map(source: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "handler"}, "data": {"service.py": source}}


def ask(url: str, body: Any, context: ssl.SSLContext | None = None, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_labels_batching_and_a_handler_that_changes(namespace: Namespace) -> None:
    serving = {
        "resources": QUICK,
        "versionLabels": {"stable": 1},
        "batching": {"maxBatchSize": 4, "allowedBatchSizes": [2, 4]},
        "handler": {"configMapRef": {"name": "handler", "key": "service.py"}},
        "drain": {"delay": "1s", "grace": "5s"},
    }
    namespace.apply(SCRIPTS, handler_map(HANDLER), tfmodel(serving=serving))
    namespace.wait_ready("tiny")
    namespace.patch_spec("tiny", {"training": training(run_id="2", factor=3)})
    namespace.wait_until(lambda: namespace.status("tiny").get("activeVersion") == 2, "version 2 serves")
    with namespace.port_forward("service/tiny", 8501) as port:
        url = f"http://127.0.0.1:{port}"
        rows = {"instances": [1.0, 2.0]}
        assert ask(f"{url}/v1/models/tiny:predict", rows) == (200, {"predictions": [3.0, 6.0]})
        assert ask(f"{url}/v1/models/tiny/labels/stable:predict", rows) == (200, {"predictions": [2.0, 4.0]})
        status, answer = ask(f"{url}/v1/models/tiny:predict", {"instances": [1.0] * 5})
        assert (status, "larger than maximum input batch size 4" in answer["error"]) == (400, True)
        assert ask(url, {"x": [1.0]}) == (200, {"FIRST": [3.0]})
        namespace.apply(handler_map(HANDLER.replace("FIRST", "SECOND")))
        pod = namespace.list("pods", "app.kubernetes.io/component=serving")[0]["metadata"]["name"]
        namespace.kubectl("annotate", "pod", pod, "look=again")
        namespace.wait_until(lambda: ask(url, {"x": [1.0]})[1] == {"SECOND": [3.0]}, "the new handler answers", 180)


def test_certificates_and_tokens_leave_status_and_probes_as_they_are(namespace: Namespace) -> None:
    authority = Authority("e2e")
    pair = authority.pair("localhost")
    certificate = {
        "tls.crt": base64.b64encode(pair.certificate).decode(),
        "tls.key": base64.b64encode(pair.key).decode(),
    }
    secrets = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "certificate"},
            "type": "kubernetes.io/tls",
            "data": certificate,
        },
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tokens"}, "stringData": {"tokens": "sesame\n"}},
    ]
    serving = {
        "resources": QUICK,
        "tls": {"secretName": "certificate"},
        "auth": {"tokenSecretRef": {"name": "tokens", "key": "tokens"}},
    }
    namespace.apply(SCRIPTS, *secrets, tfmodel(serving=serving))
    namespace.wait_ready("tiny")
    assert namespace.status("tiny")["activeVersion"] == 1
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    with namespace.port_forward("service/tiny", 8501) as port:
        url, rows = f"https://localhost:{port}/v1/models/tiny:predict", {"instances": [1.0]}
        assert ask(url, rows, context)[0] == 401
        assert ask(url, rows, context, Authorization="Bearer sesame") == (200, {"predictions": [2.0]})


def test_a_rollout_and_a_scale_in_lose_no_request(namespace: Namespace, version: str) -> None:
    namespace.apply(SCRIPTS, tfmodel(serving={"resources": QUICK, "replicas": 2}))
    namespace.wait_ready("tiny")
    prober = Prober(namespace, "tiny", [1.0], f"tfmodel-runtime:{version}")
    namespace.kubectl("rollout", "restart", "deployment/tiny")
    namespace.kubectl("rollout", "status", "deployment/tiny", "--timeout=180s", timeout=200)
    namespace.kubectl("scale", "tfm/tiny", "--replicas=1")
    namespace.wait_until(
        lambda: len(namespace.list("pods", "app.kubernetes.io/component=serving")) == 1, "one pod is left", 120
    )
    told = prober.stop()
    assert told["failed"] == 0, told
    assert min(told["ok"].values()) > 25, told
