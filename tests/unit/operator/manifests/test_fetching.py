"""The container that fetches: what it alone is given, what ends a run, and what is told of it."""

import json
from typing import Any

import pytest

from testkit.world import NOW, RELEASE, a_job, a_job_manifest, a_job_pod, a_refusal, a_tfmodel, ended, running
from tfmodel.contract import ExportRequest, FetchRequest
from tfmodel_operator.plan import plan
from tfmodel_operator.plan.naming import run_key
from tfmodel_operator.values import Observation

URI = "s3://models/iris.tgz"
WHOLE = {
    "uri": URI,
    "secretRef": {"name": "keys"},
    "caBundleRef": {"name": "company", "key": "root.pem"},
    "sha256": "a" * 64,
}


def pod_of(**source: Any) -> dict[str, Any]:
    found: dict[str, Any] = a_job_manifest(a_tfmodel(source=source))["spec"]["template"]["spec"]
    return found


def request_in(container: dict[str, Any], variable: str) -> str:
    return str(next(one["value"] for one in container["env"] if one["name"] == variable))


def test_it_alone_has_the_secret_and_the_container_that_loads_the_model_has_none() -> None:
    pod = pod_of(**WHOLE)
    (fetch,), (export,) = pod["initContainers"], pod["containers"]
    assert (fetch["name"], fetch["args"], fetch["envFrom"]) == ("fetch", ["fetch"], [{"secretRef": {"name": "keys"}}])
    assert {mount["name"] for mount in fetch["volumeMounts"]} == {"workspace", "tmp", "ca-bundle"}
    assert "keys" not in json.dumps(export)
    assert {mount["name"] for mount in export["volumeMounts"]} == {"workspace", "tmp", "store"}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["ca-bundle"]["configMap"] == {"name": "company", "items": [{"key": "root.pem", "path": "ca.crt"}]}
    assert pod["automountServiceAccountToken"] is False


def test_what_one_brings_the_other_takes() -> None:
    pod = pod_of(**WHOLE)
    fetched = FetchRequest.from_json(request_in(pod["initContainers"][0], "TFMODEL_FETCH_REQUEST"))
    exported = ExportRequest.from_json(request_in(pod["containers"][0], "TFMODEL_EXPORT_REQUEST"))
    assert (fetched.uri, fetched.sha256, fetched.target) == (URI, "a" * 64, exported.export_dir)


def test_a_claim_is_mounted_and_nothing_is_fetched() -> None:
    pod = pod_of(uri="pvc://claim/a/b")
    assert "initContainers" not in pod
    exported = ExportRequest.from_json(request_in(pod["containers"][0], "TFMODEL_EXPORT_REQUEST"))
    assert exported.export_dir == "/source/a/b"


def test_the_keys_of_runs_are_what_they_were_before_these_fields() -> None:
    assert run_key(a_tfmodel(source={"uri": "pvc://a/b"})) == run_key(
        a_tfmodel(source={"uri": "pvc://a/b", "format": "Auto"})
    )
    assert run_key(a_tfmodel(source={"uri": "pvc://a/b"})) == "1-4174bd"


def test_what_cannot_be_mended_ends_the_run() -> None:
    rules = a_job_manifest(a_tfmodel(source=WHOLE))["spec"]["podFailurePolicy"]["rules"]
    assert [rule.get("onExitCodes", {}).get("containerName") for rule in rules] == ["export", "fetch", None]


@pytest.mark.parametrize("reason", ["StorageAuthFailed", "ChecksumMismatch", "SourceNotFound"])
def test_its_refusal_is_told_in_status(reason: str) -> None:
    model = a_tfmodel(source=WHOLE)
    pod = a_job_pod(model, ended("fetch", 42, message=a_refusal(reason, "no", "set it")), phase="Failed")
    status = plan(model, Observation(jobs=(a_job(model, "Failed"),), pods=(pod,)), NOW, RELEASE).status
    assert status.training is not None
    assert status.training.last_failure is not None
    told = status.training.last_failure
    assert (told.reason, told.hint, told.container, told.exit_code) == (reason, "set it", "fetch", 42)


def test_that_it_fetches_is_told_in_status() -> None:
    model = a_tfmodel(source=WHOLE)
    pod = a_job_pod(model, running("fetch"))
    status = plan(model, Observation(jobs=(a_job(model),), pods=(pod,)), NOW, RELEASE).status
    assert status.phase == "Fetching"
