"""The chain as the README tells it: helm install, kubectl apply, kubectl wait, predictions, metrics."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from testkit.kubectl import KubectlError, Namespace, run

REPOSITORY = Path(__file__).resolve().parents[2]
IRIS = REPOSITORY / "examples" / "iris"
FLOWERS = {
    "SepalLength": [5.1, 5.9, 6.9],
    "SepalWidth": [3.3, 3.0, 3.1],
    "PetalLength": [1.7, 4.2, 5.4],
    "PetalWidth": [0.5, 1.5, 2.1],
}


@pytest.fixture(scope="module")
def iris(operator: Namespace) -> Iterator[Namespace]:
    """A namespace with examples/iris applied and ready."""
    assert operator
    name = "t-iris"
    run("kubectl", "delete", "namespace", name, "--ignore-not-found")
    run("kubectl", "create", "namespace", name)
    run("kubectl", "label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    found = Namespace(name)
    found.kubectl("apply", "-f", str(IRIS))
    found.wait_ready("iris")
    yield found
    run("kubectl", "delete", "namespace", name, "--wait=false")


def post(port: int, path: str, body: Any) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_the_three_flowers_over_rest(iris: Namespace) -> None:
    body = json.loads((IRIS / "client" / "request.json").read_text())
    with iris.port_forward("service/iris", 8501) as port:
        answer = post(port, "/v1/models/iris:predict", body)
    assert [row["class_ids"] for row in answer["predictions"]] in ([0, 1, 2], [[0], [1], [2]])


def test_the_three_flowers_over_grpc_with_the_stock_client(iris: Namespace) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "iris"
    for name, values in FLOWERS.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values, dtype=tf.float32))
    with iris.port_forward("service/iris", 8500) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=10)
    assert tf.make_ndarray(answer.outputs["class_ids"]).ravel().tolist() == [0, 1, 2]
    assert answer.model_spec.version.value == 1


def test_get_reads_well(iris: Namespace) -> None:
    header, row = iris.kubectl("get", "tfm").splitlines()
    assert header.split() == ["NAME", "READY", "PHASE", "VERSION", "REPLICAS", "PROGRESS", "REASON", "AGE"]
    assert row.split()[:7] == ["iris", "True", "Ready", "1", "1/1", "100", "Serving"]
    wide = iris.kubectl("get", "tfm", "iris", "-o", "wide")
    accuracy = next(word for word in wide.splitlines()[1].split() if word.startswith(("0.9", "1.0")))
    assert float(accuracy) >= 0.93


def test_describe_tells_the_story(iris: Namespace) -> None:
    text = iris.kubectl("describe", "tfm", "iris")
    assert all(word in text for word in ("RunStarted", "RunSucceeded", "VersionActive", "BecameReady"))


def test_explain_describes_a_field(iris: Namespace) -> None:
    assert "Hyperparameters" in iris.kubectl("explain", "tfmodel.spec.training.params")


def test_scale_goes_through_the_scale_subresource(iris: Namespace) -> None:
    iris.kubectl("scale", "tfm/iris", "--replicas=2")
    iris.wait_until(lambda: iris.status("iris").get("readyReplicas") == 2, "two ready replicas")
    iris.kubectl("scale", "tfm/iris", "--replicas=1")
    iris.wait_until(lambda: iris.status("iris").get("replicasSummary") == "1/1", "one replica again")


def test_helm_test_passes(iris: Namespace) -> None:
    assert iris
    assert "Succeeded" in run("helm", "test", "tfmodel", "--namespace", "tfmodel-system", timeout=180)


@contextmanager
def api_proxy() -> Iterator[int]:
    command = ("kubectl", "proxy", "--port=0")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout is not None
            yield int(proxy.stdout.readline().rsplit(":", 1)[1])
        finally:
            proxy.terminate()


def test_a_real_prometheus_scrapes_operator_and_runtime(iris: Namespace, tmp_path: Path) -> None:
    with api_proxy() as proxy, prometheus(tmp_path, proxy, iris.name) as port:
        wanted = {"tfmodel_operator_reconciles_total", "tfmodel_operator_models", "tfmodel_runtime_requests_total"}
        found = wait_for_series(port, wanted)
    assert wanted <= found


@contextmanager
def prometheus(folder: Path, proxy: int, namespace: str) -> Iterator[int]:
    services = {
        "operator": "/api/v1/namespaces/tfmodel-system/services/tfmodel-operator-metrics:metrics/proxy/metrics",
        "runtime": f"/api/v1/namespaces/{namespace}/services/iris:rest/proxy/metrics",
    }
    jobs = [
        {
            "job_name": name,
            "scrape_interval": "1s",
            "metrics_path": path,
            "static_configs": [{"targets": [f"127.0.0.1:{proxy}"]}],
        }
        for name, path in services.items()
    ]
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": jobs}))
    port = 19090
    command = (
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            yield port
        finally:
            server.terminate()


def wait_for_series(port: int, wanted: set[str]) -> set[str]:
    found: set[str] = set()
    end = time.monotonic() + 60
    while time.monotonic() < end and not wanted <= found:
        time.sleep(1)
        try:
            url = f"http://127.0.0.1:{port}/api/v1/label/__name__/values"
            with urllib.request.urlopen(url, timeout=5) as answer:
                found = set(json.load(answer)["data"])
        except OSError:
            continue
    return found


def test_a_wrong_field_is_refused_by_the_api_server_with_its_name(iris: Namespace) -> None:
    text = (IRIS / "tfmodel.yaml").read_text().replace("runId:", "runnId:")
    with pytest.raises(KubectlError, match="runnId"):
        iris.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)
