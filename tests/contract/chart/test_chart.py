"""The chart, by the helm of both generations: what it renders, refuses and lets the operator do."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from testkit.served import Served
from tfmodel_operator.metrics import Metrics

CHART = Path(__file__).resolve().parents[3] / "charts" / "tfmodel-operator"
HELMS = ("helm", "helm3")
EVERYTHING = (
    "replicas=2",
    "podMonitor.enabled=true",
    "serviceMonitor.enabled=true",
    "dashboard.enabled=true",
    "imagePullSecrets[0].name=pull",
    "priorityClassName=high",
    "podAnnotations.a=b",
    "podLabels.c=d",
    "serviceAccount.annotations.e=f",
    "nodeSelector.disk=ssd",
    "tolerations[0].operator=Exists",
    "affinity.nodeAffinity.x=y",
)
Json = dict[str, Any]


def template(*settings: str, helm: str = "helm") -> list[Json]:
    arguments = [part for setting in settings for part in ("--set", setting)]
    command = [helm, "template", "tfmodel", str(CHART), "--namespace", "system", "--kube-version", "1.34.0", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def kinds(objects: list[Json]) -> list[str]:
    return sorted(one["kind"] for one in objects)


def rules(objects: list[Json]) -> list[Json]:
    bound = {"tfmodel-operator", "tfmodel-operator-leader-election"}
    roles = [one for one in objects if one["kind"] in ("Role", "ClusterRole") and one["metadata"]["name"] in bound]
    return [rule for role in roles for rule in role["rules"]]


@pytest.mark.parametrize("helm", HELMS)
def test_it_lints(helm: str) -> None:
    done = subprocess.run([helm, "lint", "--strict", str(CHART)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_both_helms_render_the_same() -> None:
    assert template(*EVERYTHING, helm="helm") == template(*EVERYTHING, helm="helm3")


@pytest.mark.parametrize("settings", [(), EVERYTHING, ("watchNamespaces={a,b}", "crds.enabled=false")], ids=str)
def test_what_is_rendered_is_valid_kubernetes(settings: tuple[str, ...]) -> None:
    objects = [one for one in template(*settings) if not one["apiVersion"].startswith("monitoring.")]
    kinds_without_schema = "CustomResourceDefinition"
    done = subprocess.run(
        ["kubeconform", "-strict", "-summary", "-ignore-missing-schemas", "-skip", kinds_without_schema, "-"],
        input=yaml.safe_dump_all(objects),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Invalid: 0" in done.stdout, done.stdout


@pytest.mark.parametrize("setting", ["replica=2", "image.tga=1", "replicas=many", "logLevel=loud", "crds.keep=3"])
def test_a_value_that_is_unknown_or_wrong_is_refused(setting: str) -> None:
    command = ["helm", "template", str(CHART), "--set", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert setting.split("=", maxsplit=1)[0].rsplit(".", maxsplit=1)[-1] in done.stderr


def test_the_operator_may_do_no_more_than_it_needs() -> None:
    objects = template()
    allowed = {
        (group, resource) for rule in rules(objects) for group in rule["apiGroups"] for resource in rule["resources"]
    }
    assert allowed == {
        ("tfmodel.dev", "tfmodels"),
        ("tfmodel.dev", "tfmodels/status"),
        ("batch", "jobs"),
        ("apps", "deployments"),
        ("", "services"),
        ("", "persistentvolumeclaims"),
        ("", "pods"),
        ("", "events"),
        ("coordination.k8s.io", "leases"),
    }
    assert all("*" not in rule["verbs"] for rule in rules(objects))


def test_namespaced_mode_has_roles_only() -> None:
    objects = template("watchNamespaces={a,b}")
    assert not [one for one in objects if one["kind"].startswith("ClusterRole")]
    roles = [one for one in objects if one["kind"] == "Role" and one["metadata"]["name"] == "tfmodel-operator"]
    assert [one["metadata"]["namespace"] for one in roles] == ["a", "b"]
    [pod] = pods(objects, "Deployment")
    assert {"--namespace=a", "--namespace=b"} <= set(pod["containers"][0]["args"])


def pods(objects: list[Json], *wanted: str) -> list[Json]:
    found = [
        one["spec"]["template"]["spec"] for one in objects if one["kind"] == "Deployment" and "Deployment" in wanted
    ]
    return found + [one["spec"] for one in objects if one["kind"] == "Pod" and "Pod" in wanted]


def test_every_pod_meets_the_restricted_pod_security_standard() -> None:
    for pod in pods(template(), "Deployment", "Pod"):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_the_crd_can_be_kept_and_left_out() -> None:
    [kept] = [one for one in template() if one["kind"] == "CustomResourceDefinition"]
    assert kept["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    [lost] = [one for one in template("crds.keep=false") if one["kind"] == "CustomResourceDefinition"]
    assert "annotations" not in lost["metadata"]
    assert "CustomResourceDefinition" not in kinds(template("crds.enabled=false"))


def test_monitors_and_dashboard_come_when_they_are_asked_for() -> None:
    extra = {"PodMonitor", "ServiceMonitor", "ConfigMap", "PodDisruptionBudget"}
    assert not extra & set(kinds(template()))
    assert extra <= set(kinds(template(*EVERYTHING)))


def test_a_digest_outranks_a_tag() -> None:
    digest = "sha256:" + "a" * 64
    [pod] = pods(template(f"runtimeImage.digest={digest}", "runtimeImage.tag=v1"), "Deployment")
    assert f"--runtime-image=tfmodel-runtime@{digest}" in pod["containers"][0]["args"]


def leaves(schema: Json, path: str = "") -> list[str]:
    found: list[str] = []
    for name, field in schema.get("properties", {}).items():
        inner = f"{path}.{name}" if path else name
        found += leaves(field, inner) if "properties" in field else [inner]
    return found


def test_every_value_is_in_the_schema_described_and_read_by_a_template() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    texts = "\n".join(file.read_text() for file in (CHART / "templates").rglob("*") if file.is_file())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    named = [path for path in leaves(schema) if path != "global"]
    for path in named:
        parts = path.split(".")
        assert parts[0] in values, path
        folders = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
        assert any(re.search(rf"\.Values\.{re.escape(one)}\b(?!\.)", texts) for one in folders), path
    read = set(re.findall(r"\.Values\.([A-Za-z.]+)", texts))
    folders = {path.rpartition(".")[0] for path in named}
    assert {one.rstrip(".") for one in read} <= set(named) | folders


def test_every_query_of_the_dashboard_parses_and_names_metrics_that_are_there(half: Served, tmp_path: Path) -> None:
    half.ask("/v1/models/half:predict", {"instances": [1]})
    operator = Metrics(CollectorRegistry(), version="0").exposition().decode()
    dashboard = json.loads((CHART / "dashboards" / "tfmodel.json").read_text())
    queries = [panel["targets"][0]["expr"] for panel in dashboard["panels"]]
    declared = set(re.findall(r"# TYPE (\w+)", operator + half.text("/metrics")))
    for query in queries:
        for name in re.findall(r"tfmodel_\w+", query):
            assert name in declared or name.removesuffix("_bucket") in declared, name
    groups = {"groups": [{"name": "g", "rules": [{"record": f"r:{n}", "expr": q} for n, q in enumerate(queries)]}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(groups))
    done = subprocess.run(
        ["promtool", "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
