"""Following a handler file: one that hangs or is broken replaces nothing, and the next one that can be used does."""

from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from tfmodel_runtime.handler.following import HandlerFile
from tfmodel_runtime.handler.service import HandlerService
from tfmodel_runtime.observability.metrics import Metrics

BASE = "from tfmodel.serving import TfServingBaseService\n"


def service_named(name: str) -> str:
    return f"{BASE}class {name}(TfServingBaseService): pass\n"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry(), version="0", tensorflow_version="0")


@pytest.fixture
def service(metrics: Metrics) -> HandlerService:
    return HandlerService("m", cast(Any, None), metrics, timeout_seconds=1, threads=1, most_waiting=1)


def refused(metrics: Metrics) -> float:
    line = next((one for one in metrics.exposition().decode().splitlines() if 'result="refused"' in one), "0")
    return float(line.split()[-1])


async def test_a_file_that_hangs_is_given_up_and_the_next_one_is_taken(
    tmp_path: Path, service: HandlerService, metrics: Metrics
) -> None:
    path = tmp_path / "handler.py"
    file = HandlerFile(path, service, metrics, model=("m", "/m"), most_load_seconds=1)
    path.write_text(service_named("First"))
    await file.look()
    path.write_text("import threading\nthreading.Event().wait(60)\n")
    await file.look()
    assert service.load_error == "handler handler.py was not loaded within 1 seconds"
    assert (type(service.handler).__name__, refused(metrics)) == ("First", 1)
    path.write_text(service_named("Second"))
    await file.look()
    assert (type(service.handler).__name__, service.load_error, refused(metrics)) == ("Second", "", 1)


async def test_each_broken_content_is_counted_and_a_file_that_is_away_once(
    tmp_path: Path, service: HandlerService, metrics: Metrics
) -> None:
    path = tmp_path / "handler.py"
    file = HandlerFile(path, service, metrics, model=("m", "/m"))
    for _ in range(3):
        await file.look()
    assert refused(metrics) == 1
    for content in ("broken(", "broken(", "broken( "):
        path.write_text(content)
        await file.look()
    assert refused(metrics) == 3
