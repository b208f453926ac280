"""/healthz, /readyz and /metrics, over a real socket."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from testkit.apiserver import free_port
from tfmodel_operator import probes
from tfmodel_operator.metrics import Metrics


class Operator:
    """What the probes ask."""

    def __init__(self) -> None:
        self.is_alive = True
        self.is_synced = False
        self.metrics = Metrics(CollectorRegistry(), version="1.2.3")
        self.port = free_port()

    async def get(self, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{path}") as answer,
        ):
            return answer.status, await answer.text()


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    made = Operator()
    app = probes.application(alive=lambda: made.is_alive, ready=lambda: made.is_synced, metrics=made.metrics)
    runner = await probes.serve(app, made.port)
    yield made
    await runner.cleanup()


async def test_alive_and_ready_are_two_things(operator: Operator) -> None:
    assert (await operator.get("/healthz"), await operator.get("/readyz")) == ((200, "ok"), (503, "not ok"))
    operator.is_synced, operator.is_alive = True, False
    assert (await operator.get("/healthz"), await operator.get("/readyz")) == ((503, "not ok"), (200, "ok"))


async def test_models_are_counted_by_phase_and_a_phase_that_nobody_is_in_is_gone(operator: Operator) -> None:
    operator.metrics.count_models(["Ready", "Training", "Ready"])
    told = (await operator.get("/metrics"))[1]
    assert 'tfmodel_operator_models{phase="Ready"} 2.0' in told
    assert 'tfmodel_operator_build_info{version="1.2.3"} 1.0' in told
    operator.metrics.count_models(["Ready"])
    assert 'phase="Training"' not in (await operator.get("/metrics"))[1]


async def test_a_port_that_is_taken_is_an_error_that_ends_the_start(operator: Operator) -> None:
    app = probes.application(alive=lambda: True, ready=lambda: True, metrics=operator.metrics)
    with pytest.raises(OSError, match=str(operator.port)):
        await probes.serve(app, operator.port)
