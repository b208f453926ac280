"""Which calls are light, and which may share one, found with real models."""

from pathlib import Path
from typing import Any

import pytest

from tfmodel_runtime.engine import measuring
from tfmodel_runtime.engine.pace import Pace
from tfmodel_runtime.engine.saved_model import SavedModel


@pytest.fixture
def paces(saved_models: Path, request: pytest.FixtureRequest) -> dict[str, Pace]:
    model = SavedModel.load(saved_models / request.param / "1", intra_op_threads=1)
    measuring.measure(model)
    model.close()
    return model.paces


@pytest.mark.parametrize("paces", ["digits"], indirect=True)
def test_the_time_of_a_call_is_measured(paces: dict[str, Pace]) -> None:
    assert 0 < paces["predict_images"].seconds < 1
    assert paces["predict_images"].row_size == 784


@pytest.mark.parametrize("paces", ["rare"], indirect=True)
def test_nothing_is_known_of_a_graph_that_may_run_for_any_time(paces: dict[str, Pace]) -> None:
    assert not any(pace.is_light() for pace in paces.values())


@pytest.mark.parametrize("paces", ["heavy"], indirect=True)
def test_what_has_no_rows_of_one_size_is_not_put_together(paces: dict[str, Pace]) -> None:
    assert not paces["powers"].batches


def test_answers_of_rows_together_are_held_against_those_of_each_alone(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "digits" / "1", intra_op_threads=1)
    signature = model.signatures["predict_images"]
    assert measuring._agree(model, signature)

    class Mixing:
        """A model whose answer depends on its neighbours."""

        def run(self, signature, feeds):
            return {"scores": model.run(signature, feeds)["scores"] - model.run(signature, feeds)["scores"].mean()}

    mixing: Any = Mixing()
    assert not measuring._agree(mixing, signature)
    model.close()


def test_what_a_request_costs_beside_its_call_is_shared_too() -> None:
    few_operations, many_operations = 0.0004, 0.03
    assert measuring.pays(few_operations, 0.8 * 8 * few_operations)
    assert not measuring.pays(few_operations, 8 * (few_operations + 0.0001))
    assert not measuring.pays(many_operations, 0.8 * 8 * many_operations)
