"""What one request taught lets the next ones of its kind be taken by a lane; each kind is told from the others."""

import asyncio
import json
from typing import Any, cast

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.codec import named_rows
from tfmodel_runtime.engine.pace import Pace
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.observability.metrics import Metrics
from tfmodel_runtime.predict import Predictor
from tfmodel_runtime.rest.asgi import Answer
from tfmodel_runtime.rest.express import Express
from tfmodel_runtime.servables.servable import Handle, Servable

URL = b"/v1/models/m:predict"


def spec(alias: str, *row: int) -> TensorSpec:
    return TensorSpec(alias, f"{alias}:0", DataType.FLOAT, (-1, *row))


class Adding:
    """Adds its inputs, one or two, and knows how many rows each call had."""

    def __init__(self, *aliases: str) -> None:
        self.paces = {"serving_default": Pace(seconds=0.0001, row_seconds=0.00001, row_size=1, batches=True)}
        self.signatures = {
            "serving_default": Signature("serving_default", {a: spec(a) for a in aliases}, {"sum": spec("sum")}, "")
        }
        self.calls: list[int] = []

    def run(self, _signature: Any, feeds: Any, _fetches: Any, *, timeout_seconds: float | None) -> dict[str, Any]:
        total = sum(feeds.values())
        self.calls.append(len(total))
        return {"sum": total, "more": np.stack([total, total], 1)}


class OneModel:
    """A manager of one version."""

    def __init__(self, model: Adding) -> None:
        self.servable = Servable("m", 1, cast(Any, None), model=cast(Any, model))

    def hold(self, *_: Any) -> tuple[Servable, Handle]:
        return self.servable, Handle("m", 1, cast(Any, self.servable.model))

    def would_hold(self, *_: Any) -> bool:
        return True

    def release(self, _servable: Servable) -> None:
        pass


class Ready:
    is_draining = False


class Waiting:
    def __init__(self) -> None:
        self.told: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

    def answered(self, message: bytes) -> None:
        self.told.set_result(message)

    def passed_over(self) -> None:
        self.told.set_result(None)


class World:
    def __init__(self, *aliases: str) -> None:
        self.model = Adding(*aliases)
        metrics = Metrics(CollectorRegistry(), version="0", tensorflow_version="0")
        predictor = Predictor(cast(Any, OneModel(self.model)), metrics, threads=1, most_waiting=100)
        self.express = Express(predictor, cast(Any, Ready()), timeout_seconds=30, most_body_bytes=2**20)

    async def usual(self, body: bytes) -> bytes:
        """The answer of the way that a first request takes."""
        told: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        assert self.express.answer(URL, body, told.set_result)
        return (await told).body

    async def together(self, *bodies: bytes) -> list[bytes | None]:
        waiting = [Waiting() for _ in bodies]
        for body, one in zip(bodies, waiting, strict=True):
            assert self.express.take(URL, body, one)
        return [await one.told for one in waiting]


def named(first: float, second: float) -> bytes:
    return json.dumps({"instances": [{"a": first, "b": second}]}).encode()


async def test_named_inputs_are_taken_together_after_the_first_and_answered_like_it() -> None:
    world = World("a", "b")
    assert not world.express.take(URL, named(1, 2), Waiting())
    wanted = [await world.usual(named(1.5, number)) for number in range(3)]
    assert await world.together(*[named(1.5, number) for number in range(3)]) == wanted
    assert world.model.calls == [1, 1, 1, 3]


async def test_plain_rows_are_taken_together_after_the_second() -> None:
    world = World("a")
    bodies = [b'{"instances": [%d]}' % number for number in range(3)]
    wanted = [await world.usual(body) for body in bodies]
    assert await world.together(*bodies) == wanted
    assert world.model.calls == [1, 1, 1, 3]


async def test_one_named_input_is_taken_too() -> None:
    world = World("a")
    bodies = [b'{"instances": [{"a": %d}]}' % number for number in range(3)]
    wanted = [await world.usual(body) for body in bodies]
    assert await world.together(*bodies) == wanted


@pytest.mark.parametrize("other", [named(1, 2).replace(b'"a"', b'"c"'), b'{"inputs": {"a": [1], "b": [2]}}', b"{}"])
async def test_another_kind_is_not_taken(other: bytes) -> None:
    world = World("a", "b")
    await world.usual(named(1, 2))
    assert not world.express.take(URL, other, Waiting())


async def test_a_kind_that_no_lane_takes_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []
    monkeypatch.setattr("tfmodel_runtime.rest.express.named_rows.like", lambda *given: looked_at.append(given))
    world = World("a", "b")
    for number in range(3):
        await world.usual(named(1, number))
        assert not world.express.take(URL, named(1, number), Waiting())
    assert len(looked_at) == 1


async def test_what_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfmodel_runtime.rest.express._MOST_HELD_BYTES", 4 * named_rows.HELD_BYTES)
    world = World("a", "b")
    for rows in range(1, 16):
        await world.usual(json.dumps({"instances": [{"a": 1, "b": 2}] * rows}).encode())
        assert sum(map(len, world.express._lanes.values())) <= 3
    assert world.express._lanes


async def test_after_many_kinds_of_a_url_no_more_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfmodel_runtime.rest.express._MOST_KINDS", 2)
    world = World("a", "b")
    for rows in range(1, 6):
        await world.usual(json.dumps({"instances": [{"a": 1, "b": 2}] * rows}).encode())
    assert sum(map(len, world.express._lanes.values())) == 2


async def test_bodies_of_strings_and_large_ones_are_not_even_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []

    def look(body: bytes) -> bytes:
        looked_at.append(body)
        return body

    monkeypatch.setattr("tfmodel_runtime.rest.express.number_rows.kind", look)
    await World("a", "b").usual(named(1, 2) + b" " * 2048)
    texts = World("a")
    texts.model.signatures["serving_default"].inputs["a"] = TensorSpec("a", "a:0", DataType.STRING, (-1,))  # type: ignore[index]
    await texts.usual(b'{"instances": [{"b64": "YQ=="}]}')
    assert looked_at == []
