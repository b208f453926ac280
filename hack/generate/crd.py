"""Writes crds/tfmodels.yaml from the typed API. Run by `make generate`."""

from pathlib import Path

import yaml

from tfmodel.api.crd import custom_resource_definition

REPOSITORY = Path(__file__).resolve().parents[2]
TARGET = REPOSITORY / "crds" / "tfmodels.yaml"


def crd_yaml() -> str:
    """The text of crds/tfmodels.yaml."""
    body = yaml.safe_dump(custom_resource_definition(), sort_keys=False, width=120, allow_unicode=True)
    return f"# Generated from sdk/tfmodel/api by `make generate`; do not edit.\n{body}"


def files() -> dict[Path, bytes]:
    """The generated file and what it holds."""
    return {TARGET: crd_yaml().encode()}
