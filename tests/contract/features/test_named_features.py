"""A model that takes one unnamed row, exported with export.featureNames: clients name the values, and their order does not count."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from testkit.served import Served, serving
from tfmodel.client.grpc import GrpcClient
from tfmodel.contract import ExportRequest
from tfmodel_trainer.main import run

FLOWER = {"sepal": 1.5, "petal": -2.0}
IN_THE_ORDER_OF_THE_TRAINING = ("sepal", "petal")


@pytest.fixture(scope="module")
def served(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("named")
    request = ExportRequest(
        model="m",
        run_id="1",
        run_key="1-a",
        owner="uid",
        export_dir=str(saved_models / "pairs" / "1"),
        metrics_file=str(folder / "none"),
        store=str(folder / "store"),
        feature_names=IN_THE_ORDER_OF_THE_TRAINING,
        smoke_request={"instances": [FLOWER]},
    )
    report, code = run(request.to_json())
    assert code == 0, report
    with serving(folder / "store" / "m", folder / "log") as found:
        yield found


def expected(served: Served) -> float:
    row = [FLOWER[name] for name in IN_THE_ORDER_OF_THE_TRAINING]
    body = {"signature_name": "serving_default_by_position", "instances": [row]}
    status, answer = served.ask("/v1/models/m:predict", body)
    assert status == 200, answer
    assert answer["predictions"] == [1.5 * 2 - 2.0 * 5]
    return float(answer["predictions"][0])


def test_over_rest_the_order_of_the_names_does_not_count(served: Served) -> None:
    wanted = expected(served)
    for order in permutations(FLOWER):
        status, answer = served.ask("/v1/models/m:predict", {"instances": [{name: FLOWER[name] for name in order}]})
        assert (status, answer["predictions"]) == (200, [wanted])
        columns = {"inputs": {name: [FLOWER[name], 0.0] for name in order}}
        assert served.ask("/v1/models/m:predict", columns)[1]["outputs"] == [wanted, 0.0]


def test_over_grpc_the_order_of_the_names_does_not_count(served: Served) -> None:
    wanted = expected(served)
    with GrpcClient(f"127.0.0.1:{served.grpc_port}") as client:
        for order in permutations(FLOWER):
            found = client.predict("m", {name: np.array([FLOWER[name]], np.float32) for name in order})
            assert found["y"].tolist() == [wanted]


def test_an_unnamed_row_is_refused_by_name_and_not_guessed(served: Served) -> None:
    status, answer = served.ask("/v1/models/m:predict", {"instances": [[1.5, -2.0]]})
    assert status == 400, answer
    status, answer = served.ask("/v1/models/m:predict", {"instances": [{"sepal": 1.5}]})
    assert status == 400
    assert "petal" in str(answer)
