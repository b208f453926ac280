"""Versions in a real memory limit: one that has no room beside the one before takes its place, one that has no room at all is refused."""

import json
import urllib.request
from typing import Any

import pytest

from testkit.kubectl import Namespace
from testkit.tiny_models import SCRIPTS, tfmodel, training

LIMIT_MIB = 1024
ONE_FITS_MIB = 520
NONE_FITS_MIB = 900
SERVING = {"resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": f"{LIMIT_MIB}Mi"}}}
PODS = "app.kubernetes.io/component=serving"


def heavy(run_id: int, mebibytes: int) -> dict[str, Any]:
    """A TFModel in the limit, whose run makes a version of that size, which multiplies by the number of the run."""
    trained = training(run_id=str(run_id), factor=run_id, params={"weights": str(mebibytes)})
    return tfmodel(serving=SERVING, training=trained)


def answer(namespace: Namespace) -> list[float]:
    with namespace.port_forward("service/tiny", 8501) as port:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/models/tiny:predict", b'{"instances": [1.0]}')
        with urllib.request.urlopen(request, timeout=10) as answered:
            found: list[float] = json.load(answered)["predictions"]
            return found


def never_killed(namespace: Namespace) -> dict[str, Any]:
    """The one runtime pod, whose container is the first it had."""
    (pod,) = namespace.list("pods", PODS)
    (container,) = pod["status"]["containerStatuses"]
    assert (container["restartCount"], container["lastState"]) == (0, {}), container
    return dict(pod)


def messages(namespace: Namespace) -> list[str]:
    log = namespace.kubectl("logs", "deployment/tiny", "--tail=-1")
    return [json.loads(line)["message"] for line in log.splitlines() if line.startswith("{")]


def place(told: list[str], start: str) -> int:
    """The place of the first message that begins so."""
    return next((index for index, message in enumerate(told) if message.startswith(start)), -1)


@pytest.mark.timeout(900)  # three versions of hundreds of megabytes are written, checked and copied
def test_what_has_no_room_beside_another_takes_its_place_and_what_has_none_at_all_is_refused(
    namespace: Namespace,
) -> None:
    assert 2 * ONE_FITS_MIB > LIMIT_MIB
    namespace.apply(SCRIPTS, heavy(1, ONE_FITS_MIB))
    namespace.wait_ready("tiny", 300)
    first = never_killed(namespace)
    assert answer(namespace) == [1.0]

    namespace.apply(heavy(2, ONE_FITS_MIB))
    namespace.wait_until(lambda: is_done_with(namespace, 2), "version 2 is active", 300)
    assert answer(namespace) == [2.0]
    assert never_killed(namespace)["metadata"]["uid"] == first["metadata"]["uid"]
    told = messages(namespace)
    steps = ("1 of tiny makes room for its successor", "1 of tiny is unloaded", "2 of tiny is available")
    places = [place(told, f"version {step}") for step in steps]
    assert -1 < places[0] < places[1] < places[2], told

    namespace.apply(heavy(3, NONE_FITS_MIB))
    assert_refused(namespace, "True", "ServingPreviousVersion")
    assert answer(namespace) == [2.0]
    assert never_killed(namespace)["metadata"]["uid"] == first["metadata"]["uid"]

    namespace.patch_spec("tiny", {"serving": {"replicas": 0}})
    namespace.wait_until(lambda: not namespace.list("pods", PODS), "the pod is gone")
    namespace.patch_spec("tiny", {"serving": {"replicas": 1}})
    assert_refused(namespace, "False", "VersionLoadFailed")
    never_killed(namespace)


def is_done_with(namespace: Namespace, version: int) -> bool:
    status = namespace.status("tiny")
    return (status.get("activeVersion"), status.get("phase")) == (version, "Ready")


def assert_refused(namespace: Namespace, status: str, reason: str) -> None:
    """Version 3 is refused for its size, of which Ready tells with the status and reason that are given."""

    def ready() -> tuple[str, str]:
        found = namespace.conditions("tiny")["Ready"]
        return found["status"], found["reason"]

    namespace.wait_until(lambda: ready() == (status, reason), f"Ready is {status} for {reason}", 300)
    conditions = namespace.conditions("tiny")
    assert conditions["Stalled"]["reason"] == "VersionLoadFailed"
    for said in (
        "version 3: ",
        "it needs about 1080 MiB",
        "left of the memory limit",
        "raise serving.resources.limits",
    ):
        assert said in conditions["Ready"]["message"]
