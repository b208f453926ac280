"""/openapi.json tells the truth: its examples work, its schemas are met, and what they allow never breaks the server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from contract.conftest import Inputs
from testkit.served import Served, serving

EXAMPLES = int(os.environ.get("TFMODEL_FUZZ_OPERATION_EXAMPLES", "10"))
MODELS = {"types": (), "of_examples": ("--saved_model_tags=serve,mine",), "flowers": ()}


@pytest.fixture(scope="module", params=MODELS)
def served(
    request: pytest.FixtureRequest, saved_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    name = request.param
    with serving(saved_models / name, tmp_path_factory.mktemp(name) / "log", *MODELS[name]) as found:
        yield found


def posts(document: Any) -> Iterator[tuple[str, Any]]:
    for path, found in document["paths"].items():
        if "post" in found:
            yield path, found["post"]["requestBody"]["content"]["application/json"]


def test_every_example_works(served: Served) -> None:
    document = json.loads(served.text("/openapi.json"))
    tried = [
        (path, name, served.ask(path, example["value"])[0])
        for path, content in posts(document)
        for name, example in content.get("examples", {}).items()
    ]
    assert tried
    assert {status for *_, status in tried} == {200}, tried


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_nothing_that_is_sent_is_the_servers_fault(
    served: Served, inputs: Inputs, mode: schemathesis.GenerationMode
) -> None:
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{served.rest_port}/openapi.json")
    for found in schema.get_all_operations():
        operation = cast("Any", found).ok()

        @given(operation.as_strategy(generation_mode=mode))
        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def check(case: Any) -> None:
            inputs.add()
            answer = case.call()
            assert answer.status_code < 500, (answer.status_code, answer.text, case.body)

        try:
            check()
        except Unsatisfiable:
            assert mode is schemathesis.GenerationMode.NEGATIVE, operation.label
