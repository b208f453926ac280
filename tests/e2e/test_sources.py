"""Models that exist already, out of a real S3 server that runs in the cluster."""

import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from testkit.kubectl import Namespace

KEY, SECRET = "tests-access-key", "tests-secret-key-that-nobody-may-see"
SERVER = (
    "until [ -e /tmp/ready ]; do sleep 0.2; done; "
    f"exec /tmp/versitygw --port :7070 --access {KEY} --secret {SECRET} --region us-east-1 "
    "posix --sidecar /tmp/sidecar /tmp/buckets"
)


def server_pod(image: str) -> dict[str, Any]:
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "s3",
        "image": image,
        "command": ["sh", "-c", SERVER],
        "securityContext": security,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        "readinessProbe": {"tcpSocket": {"port": 7070}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "s3"},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }


def put(namespace: Namespace, command: str, content: bytes) -> None:
    """Content into the server's pod."""
    kubectl = ["kubectl", "-n", namespace.name, "exec", "-i", "s3", "--", "sh", "-ec", command]
    done = subprocess.run(kubectl, input=content, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()


def s3_server(namespace: Namespace, image: str, bucket: Path) -> str:
    """Address of a server in the cluster with one bucket, `models`, that holds what the folder does."""
    program = shutil.which("versitygw")
    assert program, "versitygw must be on PATH: hack/storage/bin.sh builds it"
    namespace.apply(server_pod(image))
    namespace.wait_until(lambda: namespace.get("pod", "s3")["status"].get("phase") == "Running", "the S3 server's pod")
    put(namespace, "cat >/tmp/versitygw; chmod +x /tmp/versitygw", Path(program).read_bytes())
    archive = subprocess.run(["tar", "-C", str(bucket), "-cf", "-", "."], capture_output=True, check=True).stdout
    put(
        namespace,
        "mkdir -p /tmp/sidecar /tmp/buckets/models; tar -C /tmp/buckets/models -xf -; touch /tmp/ready",
        archive,
    )
    namespace.kubectl("wait", "--for=condition=Ready", "pod/s3", "--timeout=60s")
    return f"http://{namespace.get('pod', 's3')['status']['podIP']}:7070"


def secret(name: str, key: str, address: str) -> dict[str, Any]:
    data = {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": key,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
    }
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def imported(name: str, path: str, secret_name: str) -> dict[str, Any]:
    source = {"uri": f"s3://models/{path}", "secretRef": {"name": secret_name}}
    return {
        "apiVersion": "tfmodel.dev/v1alpha1",
        "kind": "TFModel",
        "metadata": {"name": name},
        "spec": {"source": source},
    }


def test_a_model_comes_from_s3_and_wrong_keys_are_told(
    namespace: Namespace, saved_models: Path, tmp_path: Path, version: str
) -> None:
    shutil.copytree(saved_models / "half_plus_two" / "1", tmp_path / "bucket" / "half" / "1")
    address = s3_server(namespace, f"tfmodel-trainer:{version}", tmp_path / "bucket")
    namespace.apply(secret("keys", SECRET, address), secret("wrong", "another-secret", address))
    namespace.apply(
        imported("half", "half", "keys"), imported("locked", "half", "wrong"), imported("lost", "none", "keys")
    )
    namespace.wait_ready("half")
    with namespace.port_forward("service/half", 8501) as port:
        url = f"http://127.0.0.1:{port}/v1/models/half:predict"
        with urllib.request.urlopen(urllib.request.Request(url, b'{"instances": [1.0]}'), timeout=10) as answer:
            assert b"2.5" in answer.read()
    for name, reason in (("locked", "StorageAuthFailed"), ("lost", "SourceNotFound")):

        def failed(name: str = name) -> Any:
            return (namespace.status(name).get("training") or {}).get("lastFailure")

        failure = namespace.wait_until(failed, f"the failure of {name}")
        assert failure["reason"] == reason
        assert failure["hint"]
    told = namespace.kubectl("get", "tfmodels,events", "-o", "yaml") + namespace.kubectl(
        "logs", "-l", "app.kubernetes.io/component=training", "-c", "fetch", "--tail=-1"
    )
    assert "s3://models/half" in told
    assert SECRET not in told
    assert "another-secret" not in told
