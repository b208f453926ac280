"""What the chart renders, by both Helms: complete, restricted, with no right that the operator does not use."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from testkit.apiserver import ApiServer
from testkit.chart import CHART, NAMESPACE, REPOSITORY, Json, helm, of_kind, rendered, the
from testkit.world import a_deployment_manifest, a_job_manifest, a_tfmodel
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.settings import parse

HELMS = ("helm", "helm3")
DIGEST = "sha256:" + "0" * 64
EVERYTHING: Json = {
    "replicas": 2,
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboard": {"enabled": True},
    "image": {"digest": DIGEST},
    "imagePullSecrets": [{"name": "registry"}],
    "podAnnotations": {"a": "b"},
    "podLabels": {"a": "b"},
    "nodeSelector": {"a": "b"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "priorityClassName": "system-cluster-critical",
    "serviceAccount": {"name": "mine", "annotations": {"a": "b"}},
}
TWO_NAMESPACES: Json = {"watchNamespaces": ["one", "two"]}
MATRIX: dict[str, Json] = {
    "defaults": {},
    "everything": EVERYTHING,
    "namespaced": TWO_NAMESPACES,
    "namespaced-everything": {**EVERYTHING, **TWO_NAMESPACES},
    "bare": {"crds": {"enabled": False}, "rbac": {"aggregateClusterRoles": False}},
    "crds-not-kept": {"crds": {"keep": False}},
    "stopped": {"replicas": 0},
}
every_render = pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())


@pytest.mark.parametrize("program", HELMS)
@every_render
def test_both_helms_find_nothing_to_object_to(program: str, values: Json) -> None:
    done = helm(program, "lint", "--strict", str(CHART), values=values)
    assert done.returncode == 0, done.stdout + done.stderr


@every_render
def test_both_helms_make_the_same_of_it(values: Json) -> None:
    assert rendered(values, "helm") == rendered(values, "helm3")


@every_render
def test_an_api_server_takes_every_object(apiserver: ApiServer, values: Json) -> None:
    for name in (NAMESPACE, "one", "two"):
        apiserver.kubectl("create", "namespace", name, check=False)
    known = [one for one in rendered(values) if not one["apiVersion"].startswith("monitoring.coreos.com/")]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": known})
    flags = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    done = apiserver.kubectl("apply", *flags, "-f", "-", stdin=text, check=False)
    assert done.returncode == 0, done.stderr


@every_render
def test_every_object_tells_its_release_and_namespace(values: Json) -> None:
    for one in rendered(values):
        labels = one["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "tfmodel", one["metadata"]
        is_of_cluster = one["kind"] in {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
        assert is_of_cluster is ("namespace" not in one["metadata"]), one["metadata"]


@every_render
def test_every_pod_is_restricted(values: Json) -> None:
    objects = rendered(values)
    pods = [the(objects, "Deployment")["spec"]["template"]["spec"], the(objects, "Pod")["spec"]]
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all(set(volume) <= {"name", "emptyDir"} for volume in pod.get("volumes", []))
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"]


def rules(values: Json) -> list[Json]:
    roles = of_kind(rendered(values), "Role", "ClusterRole")
    return [rule for role in roles for rule in role["rules"]]


def test_the_operator_is_given_these_kinds_and_no_other() -> None:
    ours = [role for role in of_kind(rendered(), "Role", "ClusterRole") if "aggregate" not in str(role["metadata"])]
    given = {
        (group, resource)
        for role in ours
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert given == {
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


@every_render
def test_no_role_gives_more_than_the_operator_needs(values: Json) -> None:
    forbidden = {"*", "secrets", "pods/exec", "pods/log", "roles", "rolebindings", "serviceaccounts", "nodes"}
    for rule in rules(values):
        assert not forbidden & {*rule["resources"], *rule["verbs"], *rule["apiGroups"]}, rule
        assert "rbac.authorization.k8s.io" not in rule["apiGroups"]


@pytest.mark.parametrize("values", [TWO_NAMESPACES, {**EVERYTHING, **TWO_NAMESPACES}])
def test_with_named_namespaces_nothing_of_the_cluster_is_asked_for_but_the_crd(values: Json) -> None:
    objects = rendered(values)
    assert of_kind(objects, "ClusterRole", "ClusterRoleBinding") == []
    for kind in ("Role", "RoleBinding"):
        assert [one["metadata"]["namespace"] for one in of_kind(objects, kind) if "leader" not in str(one)] == [
            "one",
            "two",
        ]
    monitors = of_kind(objects, "PodMonitor")
    assert all(one["spec"]["namespaceSelector"] == {"matchNames": ["one", "two"]} for one in monitors)


@pytest.mark.parametrize("values", [{}, EVERYTHING, TWO_NAMESPACES], ids=["defaults", "everything", "namespaced"])
def test_the_operator_takes_every_argument(values: Json) -> None:
    container = the(rendered(values), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    settings = parse(container["args"], {})
    assert settings.namespace == tuple(values.get("watchNamespaces", ()))
    assert settings.lease_namespace == NAMESPACE
    assert settings.lease_name == "tfmodel-operator"
    assert settings.metrics_port == container["ports"][0]["containerPort"]
    assert settings.runtime_image == "tfmodel-runtime:0.1.0"


def test_the_lease_that_is_taken_is_the_one_that_may_be() -> None:
    objects = rendered()
    (role,) = [one for one in of_kind(objects, "Role") if one["metadata"]["name"].endswith("leader-election")]
    names = [name for rule in role["rules"] for name in rule.get("resourceNames", [])]
    args = the(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [f"--lease-name={name}" for name in names] == [one for one in args if one.startswith("--lease-name=")]


def test_a_digest_goes_before_a_tag() -> None:
    values = {"image": {"repository": "there/operator", "tag": "x", "digest": DIGEST}}
    objects = rendered(values)
    for pod in (the(objects, "Deployment")["spec"]["template"]["spec"], the(objects, "Pod")["spec"]):
        assert pod["containers"][0]["image"] == f"there/operator@{DIGEST}"


def test_one_replica_has_no_disruption_budget_that_would_hold_up_a_drain() -> None:
    assert of_kind(rendered(), "PodDisruptionBudget") == []
    assert the(rendered({"replicas": 2}), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_images_of_models_are_named_to_the_operator() -> None:
    values = {
        "runtimeImage": {"digest": DIGEST},
        "trainerImage": {"tag": "x"},
        "tfjsImage": {"repository": "there/tfjs", "tag": "z"},
        "modelImagePullPolicy": "Never",
    }
    settings = parse(the(rendered(values), "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"], {})
    assert settings.runtime_image == f"tfmodel-runtime@{DIGEST}"
    assert settings.trainer_image == "tfmodel-trainer:x"
    assert settings.tfjs_image == "there/tfjs:z"
    assert settings.image_pull_policy == "Never"


def test_monitors_and_dashboard_come_only_when_they_are_asked_for() -> None:
    extra = {"PodMonitor", "ServiceMonitor", "ConfigMap"}
    assert extra & {one["kind"] for one in rendered()} == set()
    assert extra <= {one["kind"] for one in rendered(EVERYTHING)}


def test_the_crd_is_the_generated_one() -> None:
    found = the(rendered(), "CustomResourceDefinition")
    assert found["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert found["metadata"].pop("labels")
    assert found == yaml.safe_load((REPOSITORY / "crds" / "tfmodels.yaml").read_text())


def test_a_crd_that_need_not_be_kept_is_not() -> None:
    assert "annotations" not in the(rendered({"crds": {"keep": False}}), "CustomResourceDefinition")["metadata"]


def test_the_pod_monitor_finds_the_pods_that_the_operator_makes() -> None:
    model = a_tfmodel()
    spec = the(rendered(EVERYTHING), "PodMonitor")["spec"]
    (expression,) = spec["selector"]["matchExpressions"]
    for endpoint, made in zip(
        spec["podMetricsEndpoints"], (a_deployment_manifest(model), a_job_manifest(model)), strict=True
    ):
        template = made["spec"]["template"]
        labels = template["metadata"]["labels"]
        assert spec["selector"]["matchLabels"].items() <= labels.items()
        assert labels[expression["key"]] in expression["values"]
        assert set(spec["podTargetLabels"]) <= labels.keys()
        containers = (*template["spec"].get("initContainers", ()), *template["spec"]["containers"])
        assert endpoint["port"] in [port["name"] for one in containers for port in one.get("ports", ())]


def test_the_service_monitor_finds_the_service_and_the_service_the_pods() -> None:
    objects = rendered(EVERYTHING)
    monitor, service = the(objects, "ServiceMonitor")["spec"], the(objects, "Service")
    template = the(objects, "Deployment")["spec"]["template"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert not service["spec"]["selector"].items() <= the(objects, "Pod")["metadata"]["labels"].items()


def test_the_chart_has_the_projects_version_and_an_example_that_is_valid() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert chart["version"] == chart["appVersion"] == project["version"]
    (example,) = yaml.safe_load(chart["annotations"]["artifacthub.io/crdsExamples"])
    assert TFModel.model_validate(example).name == "iris"


def test_each_template_is_named_after_what_it_makes() -> None:
    for template in sorted(Path(CHART / "templates").glob("*.yaml")):
        kinds = {
            line.removeprefix("kind: ").lower() for line in template.read_text().splitlines() if line[:6] == "kind: "
        }
        named = {"service-metrics": "service", "crd-tfmodels": "customresourcedefinition"}.get(
            template.stem, template.stem
        )
        assert any(named.split("-")[0] == kind for kind in kinds), (template.name, kinds)
