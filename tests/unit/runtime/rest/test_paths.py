"""The URL grammar: section 1 of the contract."""

import pytest

from tfmodel_runtime.rest.paths import Target, parse


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("POST", "/v1/models/m:predict", Target("predict", "m", None, None)),
        ("POST", "/v1/models/m/versions/007:predict", Target("predict", "m", 7, None)),
        ("POST", "/v1/models/m/labels/stable:classify", Target("classify", "m", None, "stable")),
        ("GET", "/v1/models/m", Target("status", "m", None, None)),
        ("GET", "/v1/models/m/versions/3", Target("status", "m", 3, None)),
        ("GET", "/v1/models/m/metadata", Target("metadata", "m", None, None)),
        ("GET", "/v1/models/m/versions/3/metadata", Target("metadata", "m", 3, None)),
        ("POST", "/V1/Models/M/VERSIONS/3:predict", Target("predict", "M", 3, None)),
        ("POST", "/v1/MODELS/m/Labels/Stable:predict", Target("predict", "m", None, "Stable")),
        ("GET", "/v1/models/m/MetaData", Target("metadata", "m", None, None)),
        ("GET", f"/v1/models/m/versions/{2**63 - 1}", Target("status", "m", 2**63 - 1, None)),
        ("GET", f"/v1/models/m/versions/{'0' * 5000}", Target("status", "m", 0, None)),
        ("POST", "/v1/models/team%2Fhalf:predict", Target("predict", "team/half", None, None)),
        ("POST", "/v1/models/a+b%3A:predict", Target("predict", "a+b:", None, None)),
    ],
)
def test_a_path_asks_for(method: str, path: str, target: Target) -> None:
    assert parse(method, path) == target


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models/m:predict"),
        ("POST", "/v1/models/m"),
        ("POST", "/v1/models/m:guess"),
        ("POST", "/v1/models/m:PREDICT"),
        ("GET", "/v1/models/m/"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/"),
        ("GET", f"/v1/models/m/versions/{'9' * 5000}"),
        ("GET", "/v1/models/m/versions/x"),
        ("GET", "/v1/models/m/version/1"),
        ("POST", "/v1/models/m/versions/1/labels/a:predict"),
        ("POST", "/v1/models/m:predict?x=1"),
        ("PUT", "/v1/models/m:predict"),
        ("DELETE", "/v1/models/m"),
        ("HEAD", "/v1/models/m"),
        ("POST", "/V1/Models/m:Predict"),
        ("GET", f"/v1/models/m/versions/{2**63}"),
    ],
)
def test_what_is_no_request_is_none(method: str, path: str) -> None:
    assert parse(method, path) is None
