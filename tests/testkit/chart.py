"""Renders of the chart, by helm itself."""

import copy
import json
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "charts" / "tfmodel-operator"
RELEASE, NAMESPACE = "tfmodel", "tfmodel-system"

Json = dict[str, Any]
Values = Mapping[str, Any]


def helm(program: str, *args: str, values: Values | None = None) -> subprocess.CompletedProcess[str]:
    """`helm` with a file of values."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(dict(values or {}), file)
        file.flush()
        return subprocess.run(
            [program, *args, "--values", file.name], capture_output=True, text=True, check=False, timeout=60
        )


def rendered(values: Values | None = None, program: str = "helm") -> list[Json]:
    """All objects, hooks included, that the chart makes of the values, in the order of their names."""
    return copy.deepcopy(_rendered(json.dumps(values or {}), program))


@cache
def _rendered(values: str, program: str) -> list[Json]:
    """Once for the values: what is read of a render is read from it many times, and its CRD is long."""
    done = helm(
        program,
        *("template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--kube-version=1.34.0"),
        values=json.loads(values),
    )
    assert done.returncode == 0, done.stderr
    objects = [one for one in yaml.load_all(done.stdout, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if one]
    return sorted(objects, key=lambda one: (one["kind"], one["metadata"]["name"], one["metadata"].get("namespace", "")))


def of_kind(objects: list[Json], *kinds: str) -> list[Json]:
    """The objects of some kinds."""
    return [one for one in objects if one["kind"] in kinds]


def the(objects: list[Json], kind: str) -> Json:
    """The one object of a kind."""
    (found,) = of_kind(objects, kind)
    return found
