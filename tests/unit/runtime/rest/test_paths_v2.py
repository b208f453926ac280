"""The Open Inference Protocol's URLs."""

import pytest

from tfmodel_runtime.rest.paths_v2 import Target, parse


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v2", Target("server")),
        ("/v2/health/live", Target("live")),
        ("/v2/health/ready", Target("ready")),
        ("/v2/models", Target("models")),
        ("/v2/models/m", Target("model", "m")),
        ("/v2/models/m/versions/3", Target("model", "m", "3")),
        ("/v2/models/m/ready", Target("model_ready", "m")),
        ("/v2/models/m/versions/3/ready", Target("model_ready", "m", "3")),
        ("/v2/models/m/infer", Target("infer", "m")),
        ("/v2/models/m/versions/x/infer", Target("infer", "m", "x")),
        ("/v2/models/team%2Fhalf%20a+b/infer", Target("infer", "team/half a+b")),
        ("/v2/models/ready", Target("model", "ready")),
        ("/v2/models/a:b", Target("model", "a:b")),
    ],
)
def test_paths_of_the_api(path: str, target: Target) -> None:
    assert parse(path) == target
    assert target.method == ("POST" if target.action == "infer" else "GET")


@pytest.mark.parametrize(
    "path",
    [
        "/v2/",
        "/v2/models/",
        "/v2/health",
        "/v2/models/m/versions",
        "/v2/models/m/infer/",
        "/v2/models/m/generate",
        "/V2",
    ],
)
def test_other_paths(path: str) -> None:
    assert parse(path) is None
