"""Which image the export step runs from."""

from typing import Any

import pytest

from testkit.world import RELEASE, a_tfmodel
from tfmodel_operator.manifests.job import job


def pod(**spec: Any) -> dict[str, Any]:
    made = job(a_tfmodel(**spec), RELEASE, name="iris-1", run_key="1", claim="store")
    found: dict[str, Any] = made["spec"]["template"]["spec"]
    return found


def images(found: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["image"] for one in (*found.get("initContainers", ()), *found["containers"])}


@pytest.mark.parametrize("export", [{}, {"formats": ["TFLite", "ONNX"]}])
def test_the_trainers_image_exports_what_it_can(export: dict[str, Any]) -> None:
    assert images(pod(export=export))["export"] == RELEASE.trainer_image


def test_for_tfjs_only_the_export_step_runs_from_the_image_that_has_its_converter() -> None:
    before = images(pod(export={"formats": ["TFLite"]}))
    assert images(pod(export={"formats": ["TFLite", "TFJS"]})) == {**before, "export": RELEASE.tfjs_image}


def test_a_source_is_exported_to_tfjs_too() -> None:
    source = {"uri": "pvc://models/iris"}
    assert images(pod(training=None, source=source, export={"formats": ["TFJS"]})) == {"export": RELEASE.tfjs_image}
