"""Which messages take a lane: those of a kind that was met, of which few are kept."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from tfmodel.wire import messages
from tfmodel_runtime.codec import tensor_proto
from tfmodel_runtime.errors import ModelNotFoundError
from tfmodel_runtime.grpc import predict_lanes
from tfmodel_runtime.grpc.predict_lanes import PredictLanes
from tfmodel_runtime.observability.metrics import Metrics
from tfmodel_runtime.predict import Call, Predictor

CALL = Call("m", None, None, "", "grpc")


class Asked:
    """A manager without models, which counts how often a lane asked for one."""

    def __init__(self) -> None:
        self.count = 0

    def hold(self, *_: Any) -> Any:
        self.count += 1
        raise ModelNotFoundError("m", None)


class World:
    """Lanes, whose answers are not asked for."""

    def __init__(self) -> None:
        self.manager = Asked()
        metrics = Metrics(CollectorRegistry(), version="0", tensorflow_version="0")
        self.predictor = Predictor(cast("Any", self.manager), metrics, threads=1, most_waiting=8)
        self.lanes = PredictLanes(self.predictor, lambda *_: messages.PredictResponse())

    def has_a_lane(self, request: Any) -> bool:
        before = self.manager.count
        assert not self.lanes.take(request.SerializeToString(), cast("Any", None))
        return self.manager.count > before

    def learn(self, request: Any) -> None:
        self.lanes.learn(request.SerializeToString(), request, CALL)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.predictor.close()


def request(columns: int = 2, name: str = "m") -> Any:
    found = messages.PredictRequest(model_spec={"name": name})
    found.inputs["x"].CopyFrom(tensor_proto.encode_content(np.random.default_rng().random((1, columns))))
    return found


def test_what_is_like_a_message_that_was_met_has_a_lane_and_nothing_else(world: World) -> None:
    assert not world.has_a_lane(request())
    world.learn(request())
    assert world.has_a_lane(request())
    assert not world.has_a_lane(request(name="n"))
    assert not world.has_a_lane(request(columns=3))


def test_of_one_length_few_messages_are_looked_at(world: World) -> None:
    names = "abcdefghijkl"
    for name in names:
        world.learn(request(name=name))
    assert [world.has_a_lane(request(name=name)) for name in names] == [number < 8 for number in range(len(names))]


def test_a_message_that_is_large_makes_no_lane(world: World) -> None:
    large = request(columns=predict_lanes._MOST_BYTES // 8 + 1)
    world.learn(large)
    assert not world.has_a_lane(large)


def test_what_is_held_is_bounded_and_learned_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_lanes, "_MOST_HELD_BYTES", 3000)
    for columns in range(1, 6):
        world.learn(request(columns=columns))
    kept = [world.has_a_lane(request(columns=columns)) for columns in range(1, 6)]
    assert kept[-1]
    assert sum(kept) <= 2
    world.learn(request(columns=1))
    assert world.has_a_lane(request(columns=1))
