"""The chart's values: each is described, checked and read; nothing else is taken."""

import copy
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from testkit.chart import CHART, NAMESPACE, RELEASE, Json, helm, rendered

SCHEMA: Json = json.loads((CHART / "values.schema.json").read_text())
VALUES: Json = yaml.safe_load((CHART / "values.yaml").read_text())
EVERYTHING: Json = {
    "serviceMonitor": {"enabled": True},
    "podMonitor": {"enabled": True},
    "dashboard": {"enabled": True},
}
OTHER: dict[str, Any] = {
    "replicas": 2,
    "image.repository": "other",
    "image.tag": "other",
    "image.digest": "sha256:" + "0" * 64,
    "image.pullPolicy": "Always",
    "runtimeImage.repository": "other",
    "runtimeImage.tag": "other",
    "runtimeImage.digest": "sha256:" + "0" * 64,
    "trainerImage.repository": "other",
    "trainerImage.tag": "other",
    "trainerImage.digest": "sha256:" + "0" * 64,
    "tfjsImage.repository": "other",
    "tfjsImage.tag": "other",
    "tfjsImage.digest": "sha256:" + "0" * 64,
    "modelImagePullPolicy": "Never",
    "imagePullSecrets": [{"name": "other"}],
    "watchNamespaces": ["other"],
    "crds.enabled": False,
    "crds.keep": False,
    "rbac.aggregateClusterRoles": False,
    "serviceAccount.name": "other",
    "serviceAccount.annotations": {"a": "b"},
    "logLevel": "debug",
    "resyncSeconds": 60,
    "resources.requests": {"cpu": 1},
    "resources.limits": {"memory": "1Gi"},
    "podAnnotations": {"a": "b"},
    "podLabels": {"a": "b"},
    "nodeSelector": {"a": "b"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "other",
    "serviceMonitor.enabled": False,
    "serviceMonitor.labels": {"a": "b"},
    "serviceMonitor.interval": "5s",
    "podMonitor.enabled": False,
    "podMonitor.labels": {"a": "b"},
    "podMonitor.interval": "5s",
    "dashboard.enabled": False,
    "dashboard.labels": {"a": "b"},
}
WRONG: list[tuple[str, Any]] = [
    ("replcas", 1),
    ("image.tga", "x"),
    ("serviceMonitor.enable", True),
    ("resources.limit", {}),
    ("affinity.nodeAfinity", {}),
    ("replicas", "many"),
    ("replicas", -1),
    ("image.digest", "latest"),
    ("image.repository", ""),
    ("image.pullPolicy", "Sometimes"),
    ("logLevel", "loud"),
    ("resyncSeconds", 0),
    ("watchNamespaces", "one"),
    ("watchNamespaces", ["One"]),
    ("watchNamespaces", ["one", "one"]),
    ("imagePullSecrets", ["name"]),
    ("tolerations", [{"keys": "a"}]),
    ("podMonitor.interval", "often"),
    ("crds.keep", "yes"),
]


def leaves(schema: Mapping[str, Any], values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The values that a user can set, as paths."""
    for name, field in schema["properties"].items():
        inner = values.get(name)
        if isinstance(inner, dict) and inner and "properties" in field:
            yield from leaves(field, inner, f"{prefix}{name}.")
        elif name != "global":
            yield f"{prefix}{name}"


def with_value(path: str, value: Any) -> Json:
    made = copy.deepcopy(EVERYTHING)
    *folders, last = path.split(".")
    place = made
    for folder in folders:
        place = place.setdefault(folder, {})
    place[last] = value
    return made


def schemas(schema: Mapping[str, Any], path: str = "values") -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from schemas(field, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from schemas(schema["items"], f"{path}[]")


def test_every_value_has_a_case_here() -> None:
    assert set(leaves(SCHEMA, VALUES)) == set(OTHER)


@pytest.fixture(scope="module")
def as_it_is() -> list[Json]:
    return rendered(EVERYTHING)


@pytest.mark.parametrize("path", OTHER)
def test_every_value_changes_what_is_rendered(path: str, as_it_is: list[Json]) -> None:
    assert rendered(with_value(path, OTHER[path])) != as_it_is


@pytest.mark.parametrize("program", ["helm", "helm3"])
@pytest.mark.parametrize(("path", "value"), WRONG)
def test_a_value_that_is_wrong_or_unknown_is_refused_by_name(program: str, path: str, value: Any) -> None:
    done = helm(program, "template", RELEASE, str(CHART), "--namespace", NAMESPACE, values=with_value(path, value))
    assert done.returncode != 0
    assert path.rpartition(".")[2] in done.stderr


def test_every_value_is_described_and_no_level_is_open() -> None:
    for path, schema in schemas(SCHEMA):
        assert schema.get("description"), path
        assert "properties" not in schema or schema["additionalProperties"] is False, path


def test_schema_and_defaults_name_the_same_values() -> None:
    def agree(schema: Mapping[str, Any], values: Mapping[str, Any], path: str) -> None:
        assert values.keys() == schema["properties"].keys() - {"global"}, path
        for name, value in values.items():
            field = schema["properties"][name]
            if isinstance(value, dict) and value and "properties" in field:
                agree(field, value, f"{path}.{name}")

    agree(SCHEMA, VALUES, "values")


def test_every_default_stands_below_a_comment() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        key = line.strip().partition(":")[0]
        is_leaf = not line.strip().startswith("#") and not line.endswith(":") and line.strip()
        if is_leaf and key not in {"requests", "limits"}:
            assert before.strip().startswith("#"), line


def test_no_template_reads_a_value_that_the_schema_does_not_name() -> None:
    named = {path.removeprefix("values.") for path, _ in schemas(SCHEMA)}
    for template in sorted((CHART / "templates").rglob("*.*")):
        for path in re.findall(r"\.Values\.([A-Za-z.]+)", template.read_text()):
            assert path in named, (template.name, path)
