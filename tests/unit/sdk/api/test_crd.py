"""The CustomResourceDefinition as a document: complete, structural, within its bounds."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tfmodel.api.crd import custom_resource_definition

CRD = Path(__file__).resolve().parents[4] / "crds" / "tfmodels.yaml"
FORBIDDEN = {"$ref", "$defs", "title", "oneOf", "allOf", "not", "const", "patternProperties", "propertyNames"}


def schemas(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from schemas(field, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from schemas(schema[part], f"{path}[]")


def root() -> Mapping[str, Any]:
    found: Mapping[str, Any] = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def fields() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for part in ("spec", "status"):
        yield from schemas(root()["properties"][part], part)


def test_every_field_is_described() -> None:
    assert [path for path, schema in fields() if not path.endswith("[]") and not schema.get("description")] == []


def test_the_schema_is_structural() -> None:
    for path, schema in fields():
        assert not FORBIDDEN & set(schema), path
        assert "type" in schema or schema.get("x-kubernetes-int-or-string"), path
        assert "anyOf" not in schema or schema.get("x-kubernetes-int-or-string"), path


def test_no_field_is_a_float() -> None:
    assert [path for path, schema in fields() if schema.get("type") == "number"] == []


def test_every_list_and_text_of_the_spec_is_bounded() -> None:
    unbounded = [
        path
        for path, schema in schemas(root()["properties"]["spec"], "spec")
        if (schema.get("type") == "array" and "maxItems" not in schema)
        or (schema.get("type") == "string" and not {"maxLength", "enum", "pattern"} & set(schema))
    ]
    assert unbounded == []


def test_every_rule_says_what_is_wrong_and_how_to_mend_it() -> None:
    for path, schema in fields():
        for rule in schema.get("x-kubernetes-validations", []):
            assert ":" in rule["message"], (path, rule)


def test_an_object_that_no_operator_has_seen_is_not_ready() -> None:
    default = root()["properties"]["status"]["default"]
    assert [(one["type"], one["status"]) for one in default["conditions"]] == [("Ready", "Unknown")]


def test_the_committed_file_is_small_and_up_to_date() -> None:
    assert CRD.stat().st_size < 200_000
    assert yaml.safe_load(CRD.read_text()) == custom_resource_definition()
