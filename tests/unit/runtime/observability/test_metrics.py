"""What is told of versions stays bounded, however many a server has had."""

import re

import pytest
from prometheus_client import CollectorRegistry

from tfmodel_runtime.observability import metrics as module
from tfmodel_runtime.observability.metrics import Metrics, Request
from tfmodel_runtime.servables.states import State


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry(), version="0", tensorflow_version="0")


def live(metrics: Metrics, version: int, *, model: str = "m") -> None:
    """A version comes, and answers one request."""
    metrics.state_changed(model, version, State.NEW)
    metrics.state_changed(model, version, State.AVAILABLE)
    metrics.answered(Request(model, str(version), "serving_default", "predict", "rest"), "OK", 0.001)


def counted(metrics: Metrics, model: str = "m") -> dict[int, float]:
    """Requests by version."""
    text = metrics.exposition().decode()
    found = re.findall(rf'requests_total{{.*model="{model}".*version="(\d+)"}} (\S+)', text)
    return {int(version): float(count) for version, count in found}


def test_of_versions_that_ended_the_latest_are_told_and_older_ones_forgotten(metrics: Metrics) -> None:
    live(metrics, 1, model="other")
    for version in range(1, 101):
        live(metrics, version)
        if version > 1:
            metrics.state_changed("m", version - 1, State.UNLOADED)
    assert list(counted(metrics)) == [*range(100 - module._ENDED, 100), 100]
    assert counted(metrics, "other") == {1: 1.0}
    assert len(metrics._counts) == module._ENDED + 2
    assert 'version="7"' not in metrics.exposition().decode()


def test_a_version_that_comes_again_counts_on_and_is_not_forgotten_while_it_lives(metrics: Metrics) -> None:
    live(metrics, 1)
    metrics.state_changed("m", 1, State.UNLOADED)
    live(metrics, 1)
    for version in range(2, 30):
        live(metrics, version)
        metrics.state_changed("m", version, State.UNLOADED)
    assert counted(metrics)[1] == 2.0
