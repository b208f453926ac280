"""The chart in a real API server: installed, upgraded, removed by both Helms, with just the rights that the operator needs."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from testkit.apiserver import ApiServer
from testkit.chart import CHART, REPOSITORY, Json, rendered, the

CRD = "crd/tfmodels.tfmodel.dev"
IRIS = REPOSITORY / "examples" / "iris" / "tfmodel.yaml"
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
        self.told = ""
        self.is_as_it_comes = False

    def __call__(self, *args: str) -> str:
        self.is_as_it_comes = False
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

    def allowed(self, asked: Sequence[tuple[str, str]], namespace: str) -> list[tuple[str, str]]:
        """Which of the asked verbs and kinds the operator may, by the API server's own judgement."""
        reviews = {"apiVersion": "v1", "kind": "List", "items": [review(*one, namespace) for one in asked]}
        output = "jsonpath={.status.allowed} "
        answers = self.server.kubectl("create", "-f", "-", "-o", output, stdin=json.dumps(reviews)).stdout.split()
        return [one for one, answer in zip(asked, answers, strict=True) if answer == "true"]


def review(verb: str, kind: str, namespace: str) -> Json:
    """The question whether the operator may; a kind is resource.group/subresource, a Lease's is leases.group/name."""
    full, _, more = kind.partition("/")
    resource, _, group = full.partition(".")
    part = {"name": more} if resource == "leases" else {"subresource": more}
    asked = {"verb": verb, "resource": resource, "group": group, "namespace": namespace, **part}
    spec = {"user": ACCOUNT, "resourceAttributes": asked}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


@pytest.fixture(scope="module", params=["helm", "helm3"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installer]:
    """helm on an API server of its own, with two namespaces for models."""
    server = ApiServer(tmp_path_factory.mktemp("install"))
    try:
        for name in ("team", "other"):
            server.kubectl("create", "namespace", name)
        yield Installer(server, request.param)
    finally:
        server.stop()


@pytest.fixture
def install(program: Installer) -> Installer:
    """The chart is installed as it comes, and a model is there."""
    if not program.is_as_it_comes:
        program.told = program("upgrade", "--install", "tfmodel", str(CHART), "--create-namespace", "--reset-values")
        program.server.wait_established(CRD.removeprefix("crd/"))
        program.server.kubectl("apply", "--namespace", "team", "-f", str(IRIS))
        program.is_as_it_comes = True
    return program


def models(install: Installer) -> str:
    return install.server.kubectl("get", "tfm", "--namespace", "team", "-o", "name").stdout.strip()


def test_it_says_what_to_do_next(install: Installer) -> None:
    commands = "kubectl apply -f examples/iris", "kubectl wait --for=condition=Ready", "curl -d", "helm test tfmodel"
    assert [command for command in commands if command not in install.told] == []


def test_the_operator_may_do_what_it_does_and_no_more(install: Installer) -> None:
    assert install.allowed(MAY, "team") == MAY
    assert install.allowed(MAY_NOT, "team") == []


def test_the_lease_may_be_written_by_name_in_the_operators_namespace_only(install: Installer) -> None:
    lease = "leases.coordination.k8s.io"
    asked = [("create", lease), ("update", f"{lease}/tfmodel-operator"), ("update", f"{lease}/other")]
    assert install.allowed(asked, SYSTEM) == asked[:2]
    assert install.allowed(asked, "team") == []


def test_people_who_may_edit_a_namespace_may_edit_its_models(install: Installer) -> None:
    roles = json.loads(install.server.kubectl("get", "clusterroles", "-o", "json").stdout)["items"]
    for who, verbs in (("view", {"get", "list", "watch"}), ("edit", {"create", "patch", "delete"})):
        label = f"rbac.authorization.k8s.io/aggregate-to-{who}"
        rules = [rule for one in roles if one["metadata"].get("labels", {}).get(label) for rule in one["rules"] or ()]
        ours = [rule for rule in rules if "tfmodels" in rule.get("resources", ())]
        assert verbs <= {verb for rule in ours for verb in rule["verbs"]}


def test_an_upgrade_to_named_namespaces_takes_the_rights_in_the_others_away(install: Installer) -> None:
    install("upgrade", "tfmodel", str(CHART), "--set", "watchNamespaces={team}", "--set", "replicas=2")
    assert install.allowed(MAY, "team") == MAY
    assert install.allowed(MAY, "other") == []
    names = install.server.kubectl("get", "clusterroles,clusterrolebindings", "-o", "name").stdout
    assert "tfmodel" not in names


def test_an_upgrade_brings_the_new_crd(install: Installer, tmp_path: Path) -> None:
    older = tmp_path / "chart"
    shutil.copytree(CHART, older)
    crd = older / "templates" / "crd-tfmodels.yaml"
    crd.write_text(crd.read_text().replace("name: Phase", "name: State"))
    install("upgrade", "tfmodel", str(older))
    assert "State" in install.server.kubectl("get", CRD, "-o", "yaml").stdout
    install("upgrade", "tfmodel", str(CHART))
    assert "name: State" not in install.server.kubectl("get", CRD, "-o", "yaml").stdout
    assert models(install) == "tfmodel.tfmodel.dev/iris"


def test_models_outlive_the_chart_which_can_be_installed_again(install: Installer) -> None:
    install("uninstall", "tfmodel")
    assert models(install) == "tfmodel.tfmodel.dev/iris"
    assert install.server.kubectl("get", "deployments", "--namespace", SYSTEM, "-o", "name").stdout == ""
    install("install", "tfmodel", str(CHART))
    assert models(install) == "tfmodel.tfmodel.dev/iris"


def test_a_crd_that_need_not_be_kept_goes_with_the_chart(install: Installer) -> None:
    install("upgrade", "tfmodel", str(CHART), "--set", "crds.keep=false")
    install("uninstall", "tfmodel")
    install.server.kubectl("wait", "--for=delete", CRD, "--timeout=30s")


def test_pod_security_admission_takes_every_pod_as_restricted(install: Installer) -> None:
    install.server.kubectl("label", "namespace", "other", "pod-security.kubernetes.io/enforce=restricted")
    objects = rendered()
    template = the(objects, "Deployment")["spec"]["template"]
    pods = [{"apiVersion": "v1", "kind": "Pod", **template}, the(objects, "Pod")]
    for number, pod in enumerate(pods):
        pod["metadata"] = {"name": f"pod-{number}", "namespace": "other"}
        made = install.server.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod), check=False)
        assert made.returncode == 0, made.stderr
        pod["spec"]["containers"][0]["securityContext"].pop("capabilities")
        refused = install.server.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod), check=False)
        assert "violates PodSecurity" in refused.stderr
