"""The reference pages name everything that a user can meet: each word of the closed lists, each flag, metric, value, column."""

import json
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tfmodel.api.crd import custom_resource_definition
from tfmodel.api.reasons import ConditionReason, EventReason, FailureReason
from tfmodel_operator.metrics import Metrics as OperatorMetrics
from tfmodel_operator.settings import Settings
from tfmodel_runtime.flags import Flags
from tfmodel_runtime.observability.metrics import Metrics as RuntimeMetrics

REPOSITORY = Path(__file__).resolve().parents[3]
REFERENCE = REPOSITORY / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text()


@pytest.mark.parametrize("kind", [ConditionReason, FailureReason, EventReason])
def test_every_reason_has_a_meaning(kind: type[ConditionReason | FailureReason | EventReason]) -> None:
    text = page("reasons")
    assert [one.value for one in kind if f"| `{one.value}` | " not in text] == []


def test_every_flag_is_there() -> None:
    text = page("flags")
    flags = [f"--{name.replace('_', '-')}" for name in Settings.__dataclass_fields__]
    flags += [f"--{name}" for name in Flags.__dataclass_fields__]
    assert [flag for flag in flags if f"| `{flag}` | " not in text] == []


def test_every_metric_is_there() -> None:
    text, registry = page("metrics"), CollectorRegistry()
    OperatorMetrics(registry, version="1")
    RuntimeMetrics(registry, version="1", tensorflow_version="1")
    names = [metric.name + ("_total" if metric.type == "counter" else "") for metric in registry.collect()]
    assert [name for name in names if f"| `{name}` | " not in text] == []


def test_every_value_of_the_chart_is_there() -> None:
    schema = json.loads((REPOSITORY / "charts" / "tfmodel-operator" / "values.schema.json").read_text())
    text = page("values")
    assert [name for name in schema["properties"] if name != "global" and f"| `{name}" not in text] == []


def test_every_column_and_every_top_level_field_is_there() -> None:
    version = custom_resource_definition()["spec"]["versions"][0]
    text = page("api")
    assert [one["name"] for one in version["additionalPrinterColumns"] if f"| {one['name']} | " not in text] == []
    fields = version["schema"]["openAPIV3Schema"]["properties"]
    names = [*fields["spec"]["properties"], *fields["status"]["properties"]]
    assert [name for name in names if f"| `{name}` | " not in text] == []
