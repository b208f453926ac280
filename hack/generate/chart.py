"""Writes the chart's CRD template and its README's table of values. Run by `make generate`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import crd
import yaml

CHART = Path(__file__).resolve().parents[2] / "charts" / "tfmodel-operator"
VALUES = CHART.parents[1] / "docs" / "reference" / "values.md"
TITLE = """# tfmodel-operator

Installs the operator that trains, checks and serves TensorFlow models. Helm 4 and 3 both install it.

    helm install tfmodel charts/tfmodel-operator --namespace tfmodel-system --create-namespace --wait

The operator's permissions are those of `templates/_helpers.tpl` and no more: no Secrets, no exec, no logs, no roles. With
`watchNamespaces` it needs no ClusterRole. The CustomResourceDefinition is upgraded with the chart and, unless `crds.keep` is false,
outlives it.

"""
VALUES_TITLE = "# Values of the chart\n\nMade from `charts/tfmodel-operator`; a value that is not here is refused.\n\n"


def files() -> dict[Path, bytes]:
    """Every generated file and what it holds."""
    return {
        CHART / "templates" / "crd-tfmodels.yaml": _template().encode(),
        CHART / "README.md": (TITLE + _values()).encode(),
        VALUES: (VALUES_TITLE + _values()).encode(),
    }


def _template() -> str:
    text = crd.crd_yaml().replace("{{", "{{ `{{` }}")
    keep = "  {{- if .Values.crds.keep }}\n  annotations:\n    helm.sh/resource-policy: keep\n  {{- end }}\n"
    labels = '  labels: {{- include "tfmodel.labels" . | nindent 4 }}\n'
    name = "  name: tfmodels.tfmodel.dev\n"
    return f"{{{{- if .Values.crds.enabled }}}}\n{text.replace(name, name + labels + keep, 1)}{{{{- end }}}}\n"


def _values() -> str:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = (
        f"| `{path}` | `{json.dumps(default)}` | {text} |"
        for path, default, text in _rows(schema["properties"], values)
    )
    return "| value | default | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _rows(fields: Mapping[str, Any], values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    for name, schema in fields.items():
        if name not in values:
            continue
        if "properties" in schema and schema["properties"].keys() <= values[name].keys():
            yield from _rows(schema["properties"], values[name], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", values[name], schema["description"]
