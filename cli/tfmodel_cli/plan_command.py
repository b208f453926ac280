"""`tfmodel plan`: the objects that the operator would make, before the run and after it."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import yaml

from tfmodel_cli.manifests import read
from tfmodel_operator.manifests.deployment import deployment
from tfmodel_operator.manifests.service import service
from tfmodel_operator.plan import plan
from tfmodel_operator.plan.naming import claim_name
from tfmodel_operator.plan.versions import policy_flag
from tfmodel_operator.values import Observation, Release


def objects(manifest: Path) -> str:
    """The objects as YAML: first those of the run, then those that serve its version.

    Raises:
        CommandError: the manifest is not valid.
    """
    model = read(manifest).model
    number = version("tfmodel")
    release = Release(number, f"tfmodel-runtime:{number}", f"tfmodel-trainer:{number}", f"tfmodel-tfjs:{number}")
    now = datetime.now(UTC)
    made = [one.manifest for one in plan(model, Observation(), now, release).apply]
    serving = (
        deployment(model, release, claim=claim_name(model), version_policy=policy_flag(model)),
        service(model),
    )
    return yaml.safe_dump_all([*made, *serving], sort_keys=False)
