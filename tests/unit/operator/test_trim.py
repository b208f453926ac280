"""What is kept of an object: enough for every plan (the world's builders give no more), and nothing that no plan reads."""

import json
from typing import Any

import pytest

from testkit.world import a_deployment, a_finished_run, a_job_manifest, a_runtime_pod, a_tfmodel
from tfmodel_operator.cache import Cache
from tfmodel_operator.kube import _PLURALS
from tfmodel_operator.trim import trimmed
from tfmodel_operator.values import Key
from tfmodel_operator.watch import WATCHED

LONG = "x" * 5000
MODEL = a_tfmodel()


def whole(kind: str, **more: Any) -> dict[str, Any]:
    """An object as the API server sends it."""
    metadata = {
        "namespace": "lab",
        "name": "iris",
        "uid": "u",
        "resourceVersion": "7",
        "labels": {"tfmodel.dev/model": "iris"},
        "ownerReferences": [{"uid": "o", "apiVersion": LONG}],
        "managedFields": [{"fieldsV1": LONG}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": LONG},
    }
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


@pytest.mark.parametrize("kind", [kind for *_, kind in WATCHED])
def test_every_kind_that_is_watched_can_be_kept_and_goes_without_what_is_never_read(kind: str) -> None:
    kept = trimmed(whole(kind))
    assert kind in _PLURALS
    assert LONG not in str(kept)
    assert kept["metadata"]["ownerReferences"] == [{"uid": "o"}]


def test_of_a_pod_its_containers_names_limits_and_states_are_kept() -> None:
    container = {
        "name": "runtime",
        "image": LONG,
        "env": [LONG],
        "resources": {"limits": {"memory": "1Gi", "cpu": "2"}},
    }
    state = {"name": "runtime", "image": "i", "imageID": LONG, "state": {"running": {}}, "restartCount": 3}
    spec = {"nodeName": "n", "containers": [container], "volumes": [LONG]}
    kept = trimmed(whole("Pod", spec=spec, status={"phase": "Running", "containerStatuses": [state], "qosClass": LONG}))
    assert kept["spec"] == {
        "nodeName": "n",
        "containers": [{"name": "runtime", "resources": {"limits": {"memory": "1Gi"}}}],
    }
    assert kept["status"] == {
        "phase": "Running",
        "containerStatuses": [{"name": "runtime", "image": "i", "state": {"running": {}}}],
    }


def test_what_was_kept_stays_as_it_is_when_it_is_kept_again() -> None:
    for found in (*a_finished_run(MODEL), a_deployment(MODEL), a_runtime_pod(MODEL), a_job_manifest(MODEL)):
        assert trimmed(trimmed(found)) == trimmed(found)


def test_texts_that_objects_have_in_common_are_there_once() -> None:
    sent = json.dumps(whole("Service"))
    texts = [trimmed(json.loads(sent))["metadata"]["name"] for _ in range(2)]
    assert texts[0] is texts[1]


def test_the_cache_keeps_no_more() -> None:
    cache = Cache()
    cache.put(whole("Deployment", spec={"template": LONG}))
    assert LONG not in str(cache.get("Deployment", "lab", "iris"))
    assert cache.of_model("Deployment", Key("lab", "iris")) == (cache.get("Deployment", "lab", "iris"),)
