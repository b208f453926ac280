"""What spec.export asks of a run, and what status tells of the formats that came of it."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from testkit.world import (
    NOW,
    RELEASE,
    TRAINING,
    a_finished_run,
    a_job,
    a_job_manifest,
    a_job_pod,
    a_report,
    a_tfmodel,
    ended,
)
from tfmodel.api.status import TFModelStatus
from tfmodel.api.v1alpha1 import TFModel
from tfmodel.contract import EXPORT_REQUEST_ENV
from tfmodel_operator.manifests import exporting
from tfmodel_operator.plan import plan
from tfmodel_operator.values import Observation

INPUT = {"name": "rows", "mountPath": "/data/rows", "persistentVolumeClaim": {"claimName": "c", "subPath": "a"}}
INT8 = {"formats": ["TFLite"], "tflite": {"quantization": "Int8", "representativeInput": "rows"}}
WRITTEN = {
    "format": "TFLite",
    "file": "assets.extra/exports/model.tflite",
    "sizeBytes": 8564,
    "maxDifference": "8.9e-08",
}


def quantized(**training: Any) -> TFModel:
    return a_tfmodel(training={**TRAINING, "inputs": [INPUT], **training}, export=INT8)


def export_container(model: TFModel) -> dict[str, Any]:
    found: dict[str, Any] = a_job_manifest(model)["spec"]["template"]["spec"]["containers"][0]
    return found


def test_the_export_step_is_asked_for_formats_and_sees_the_rows_it_quantizes_by() -> None:
    container = export_container(quantized())
    request = json.loads(next(one["value"] for one in container["env"] if one["name"] == EXPORT_REQUEST_ENV))
    assert request["formats"] == ["TFLite"]
    assert (request["quantization"], request["representativeData"]) == ("Int8", "/data/rows")
    mount = {"name": "input-rows", "mountPath": "/data/rows", "readOnly": True, "subPath": "a"}
    assert mount in container["volumeMounts"]


def test_without_a_need_the_export_step_sees_no_input() -> None:
    container = export_container(a_tfmodel(training={**TRAINING, "inputs": [INPUT]}, export={"formats": ["ONNX"]}))
    assert not [one for one in container["volumeMounts"] if one["name"].startswith("input-")]


def finished(model: TFModel) -> Observation:
    report = {**json.loads(a_report()), "exports": [WRITTEN], "exportDigest": exporting.digest(model)}
    pod = a_job_pod(model, ended("train"), ended("export", message=json.dumps(report)), phase="Succeeded")
    return Observation(jobs=(a_job(model, "Complete"),), pods=(pod,))


def valid(status: TFModelStatus) -> str:
    return next(one.message for one in status.conditions or () if one.type == "ModelValid")


def test_status_lists_what_was_written_with_size_and_difference() -> None:
    model = quantized()
    status = plan(model, finished(model), NOW, RELEASE).status
    version = (status.versions or [])[0]
    assert [one.to_json() for one in version.exports or ()] == [WRITTEN]
    assert "spec.export" not in valid(status)


def test_a_version_that_was_made_by_another_export_is_named() -> None:
    model = quantized()
    before = plan(model, finished(model), NOW, RELEASE).status
    changed = a_tfmodel(training={**TRAINING, "inputs": [INPUT]}, export={"formats": ["ONNX"]}, status=before)
    made = plan(changed, finished(model), NOW, RELEASE)
    assert "spec.export has changed since: change training.runId to make a version by it" in valid(made.status)
    assert not [one for one in made.apply if one.manifest["kind"] == "Job"]


def test_a_version_of_a_release_without_formats_is_not_named() -> None:
    model = a_tfmodel()
    job, pod = a_finished_run(model)
    assert exporting.digest(model) is None
    assert "spec.export" not in valid(plan(model, Observation(jobs=(job,), pods=(pod,)), NOW, RELEASE).status)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"export": {"formats": ["ONNX"], "tflite": {}}}, "tflite needs TFLite among formats"),
        (
            {"export": {**INT8, "tflite": {"representativeInput": "rows"}}},
            "representativeInput is for quantization Int8",
        ),
        ({"export": INT8}, "representativeInput must name one of training.inputs"),
        ({"export": {"formats": ["TFLite"], "tflite": {"quantization": "Int8"}}}, "Int8 needs representative rows"),
        ({"export": {"formats": ["TFLite", "TFLite"]}}, "each entry may be there once"),
        ({"export": {"featureNames": ["a", "a"]}}, "each entry may be there once"),
        ({"export": {"formats": ["SavedModel"]}}, "Input should be 'TFLite'"),
    ],
)
def test_an_export_that_cannot_be_carried_out_is_refused(spec: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        a_tfmodel(**spec)


def test_a_smoke_request_will_do_for_int8() -> None:
    export = {"formats": ["TFLite"], "tflite": {"quantization": "Int8"}}
    model = a_tfmodel(source={"uri": "pvc://a/b"}, export=export, validation={"smokeRequest": {"instances": [[1.0]]}})
    assert exporting.request_fields(model)["representative_data"] == ""
