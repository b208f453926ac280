"""Writes docs/reference: the fields of the API and the reasons that status and events may give. Run by `make generate`."""

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmodel.api import reasons
from tfmodel.api.crd import custom_resource_definition

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference"


def files() -> dict[Path, bytes]:
    """Every generated file and what it holds."""
    return {DOCS / "api.md": _api().encode(), DOCS / "reasons.md": _reasons().encode()}


def _api() -> str:
    version = custom_resource_definition()["spec"]["versions"][0]
    fields = version["schema"]["openAPIV3Schema"]["properties"]
    title = "# TFModel, tfmodel.dev/v1alpha1\n\nMade from the types; `kubectl explain tfmodel --recursive` tells the same.\n"
    parts = [
        f"\n## {part}\n\n| field | type | default | meaning |\n|---|---|---|---|\n" + _table(fields[part])
        for part in ("spec", "status")
    ]
    return title + "".join(parts) + _columns(version["additionalPrinterColumns"])


def _columns(columns: Sequence[Mapping[str, Any]]) -> str:
    text = "\n## Columns of `kubectl get tfm`\n\n| column | shown with | meaning |\n|---|---|---|\n"
    rows = (f"| {one['name']} | {'`-o wide`' if one['priority'] else ''} | {one['description']} |\n" for one in columns)
    return text + "".join(rows)


def _table(schema: Mapping[str, Any]) -> str:
    rows = (
        f"| `{path}` | {kind} | {default} | {' '.join(text.split())} |" for path, kind, default, text in _rows(schema)
    )
    return "\n".join(rows) + "\n"


def _rows(schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    for name, field in schema.get("properties", {}).items():
        kind = field.get("type", "quantity")
        default = f"`{field['default']}`" if "default" in field and field["default"] != {} else ""
        yield f"{prefix}{name}", kind, default, field.get("description", "")
        inner = field.get("items", field)
        yield from _rows(inner, f"{prefix}{name}{'[]' if inner is not field else ''}.")


def _reasons() -> str:
    text = "# Reasons\n\nThe closed lists of words that conditions, failures and events use.\n"
    for kind in (reasons.ConditionReason, reasons.FailureReason, reasons.EventReason):
        text += f"\n## {kind.__name__}\n\n{inspect.getdoc(kind)}\n\n| reason | meaning |\n|---|---|\n"
        text += "".join(f"| `{name}` | {' '.join(meaning.split())} |\n" for name, meaning in _members(kind))
    return text


def _members(kind: type) -> Iterator[tuple[str, str]]:
    """Value and docstring of each member: the string that stands below it in the source."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(body, ast.ClassDef)
    for member, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr):
            yield ast.literal_eval(member.value), ast.literal_eval(text.value)
