"""The chart in a real API server: installed, upgraded, removed by both Helms, with just the rights that the operator needs."""

import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from testkit.apiserver import ApiServer
from testkit.chart import CHART, REPOSITORY

SYSTEM = "tfmodel-system"
ACCOUNT = f"system:serviceaccount:{SYSTEM}:tfmodel-operator"
MAY = [
    *((verb, "tfmodels.tfmodel.dev") for verb in ("get", "list", "watch")),
    ("patch", "tfmodels.tfmodel.dev/status"),
    *((verb, "jobs.batch") for verb in ("get", "list", "watch", "create", "patch", "delete")),
    *(
        (verb, kind)
        for kind in ("deployments.apps", "services", "persistentvolumeclaims")
        for verb in ("get", "list", "watch", "create", "patch")
    ),
    *((verb, "pods") for verb in ("get", "list", "watch")),
    *((verb, "events") for verb in ("list", "create")),
]
MAY_NOT = [
    *((verb, "secrets") for verb in ("get", "list", "watch", "create")),
    *((verb, "pods") for verb in ("create", "patch", "delete")),
    ("create", "pods/exec"),
    ("get", "pods/log"),
    ("get", "configmaps"),
    ("list", "nodes"),
    ("list", "namespaces"),
    ("create", "roles.rbac.authorization.k8s.io"),
    ("create", "serviceaccounts"),
    ("create", "serviceaccounts/token"),
    ("patch", "tfmodels.tfmodel.dev"),
    ("delete", "tfmodels.tfmodel.dev"),
    ("delete", "persistentvolumeclaims"),
    ("get", "customresourcedefinitions.apiextensions.k8s.io"),
]


class Installer:
    """A helm that works on an API server of its own."""

    def __init__(self, server: ApiServer, program: str) -> None:
        self.server = server
        self._program = program

    def __call__(self, *args: str) -> str:
        environment = {**os.environ, "KUBECONFIG": str(self.server.kubeconfig)}
        done = subprocess.run(
            [self._program, *args, "--namespace", SYSTEM],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def may(self, verb: str, kind: str, namespace: str) -> bool:
        resource, _, sub = kind.partition("/")
        more = [f"--subresource={sub}"] if sub else []
        done = self.server.kubectl(
            "auth", "can-i", verb, resource, *more, "--namespace", namespace, "--as", ACCOUNT, check=False
        )
        assert done.stdout.strip() in {"yes", "no"}, done.stderr
        return done.stdout.strip() == "yes"


@pytest.fixture(scope="module", params=["helm", "helm3"])
def install(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installer]:
    """helm on an empty API server, with a namespace `team`."""
    server = ApiServer(tmp_path_factory.mktemp("install"))
    try:
        for name in ("team", "other"):
            server.kubectl("create", "namespace", name)
        yield Installer(server, request.param)
    finally:
        server.stop()


def test_it_is_installed_and_says_what_to_do_next(install: Installer) -> None:
    told = install("install", "tfmodel", str(CHART), "--create-namespace")
    for command in (
        "kubectl apply -f examples/iris",
        "kubectl wait --for=condition=Ready",
        "curl -d",
        "helm test tfmodel",
    ):
        assert command in told
    install.server.kubectl("wait", "--for=condition=Established", "crd/tfmodels.tfmodel.dev", "--timeout=30s")
    example = str(REPOSITORY / "examples" / "iris" / "tfmodel.yaml")
    install.server.kubectl("apply", "--namespace", "team", "-f", example)


def test_the_operator_may_do_what_it_does_and_no_more(install: Installer) -> None:
    assert [one for one in MAY if not install.may(*one, "team")] == []
    assert [one for one in MAY_NOT if install.may(*one, "team")] == []
    lease = "leases.coordination.k8s.io"
    assert install.may("create", lease, SYSTEM)
    assert install.may("update", f"{lease}", SYSTEM) is False
    assert install.may("get", "leases.coordination.k8s.io", "team") is False


def test_people_who_may_edit_a_namespace_may_edit_its_models(install: Installer) -> None:
    roles = json.loads(install.server.kubectl("get", "clusterroles", "-o", "json").stdout)["items"]
    by_label = {
        label: [one["rules"] for one in roles if one["metadata"].get("labels", {}).get(label) == "true"]
        for label in (f"rbac.authorization.k8s.io/aggregate-to-{who}" for who in ("view", "edit"))
    }
    for label, verbs in (("view", {"get", "list", "watch"}), ("edit", {"create", "patch", "delete"})):
        found = by_label[f"rbac.authorization.k8s.io/aggregate-to-{label}"]
        ours = [rule for rules in found for rule in rules or [] if "tfmodels" in rule.get("resources", [])]
        assert verbs <= {verb for rule in ours for verb in rule["verbs"]}


def test_an_upgrade_to_named_namespaces_takes_the_rights_in_the_others_away(install: Installer) -> None:
    install("upgrade", "tfmodel", str(CHART), "--set", "watchNamespaces={team}", "--set", "replicas=2")
    assert [one for one in MAY if not install.may(*one, "team")] == []
    assert [one for one in MAY if install.may(*one, "other")] == []
    names = install.server.kubectl("get", "clusterroles,clusterrolebindings", "-o", "name").stdout
    assert "tfmodel" not in names


def test_models_outlive_the_chart(install: Installer) -> None:
    install("uninstall", "tfmodel")
    assert install.server.kubectl("get", "tfm", "--namespace", "team", "-o", "name").stdout.split() == [
        "tfmodel.tfmodel.dev/iris"
    ]
    assert install.server.kubectl("get", "deployments", "--namespace", SYSTEM, "-o", "name").stdout == ""


def test_it_is_installed_again_over_the_crd_that_was_kept(install: Installer) -> None:
    install("install", "tfmodel", str(CHART))
    assert install.server.kubectl("get", "tfm", "--namespace", "team", "-o", "name").stdout
    install("upgrade", "tfmodel", str(CHART), "--set", "crds.keep=false")
    install("uninstall", "tfmodel")
    install.server.kubectl("wait", "--for=delete", "crd/tfmodels.tfmodel.dev", "--timeout=30s")
