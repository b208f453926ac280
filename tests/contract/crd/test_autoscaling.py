"""The autoscalers of docs/how-to/scale.md in a real API server: it takes them, and the scale subresource that they use works."""

import json
import re
from pathlib import Path

import yaml

from testkit.apiserver import ApiServer

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "scale.md"
MODEL = {
    "apiVersion": "tfmodel.dev/v1alpha1",
    "kind": "TFModel",
    "metadata": {"name": "scaled", "namespace": "default"},
    "spec": {"training": {"script": {"configMapRef": {"name": "iris", "key": "train.py"}}}},
}


def test_the_pages_autoscalers_are_taken_without_a_warning(apiserver: ApiServer, tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert [yaml.safe_load(block)["kind"] for block in blocks] == ["HorizontalPodAutoscaler"] * 2
    for block in blocks:
        file = tmp_path / "hpa.yaml"
        file.write_text(block)
        apiserver.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(file))


def test_replicas_are_set_by_the_scale_subresource(apiserver: ApiServer, tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    file.write_text(json.dumps(MODEL))
    apiserver.kubectl("apply", "-f", str(file))
    apiserver.kubectl("scale", "tfm/scaled", "--replicas=3")
    found = json.loads(apiserver.kubectl("get", "tfm/scaled", "-o", "json").stdout)
    assert found["spec"]["serving"]["replicas"] == 3
