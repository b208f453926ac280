"""Frozen graphs: what is frozen, what is refused with which reason, and that nothing that differs is ever used."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tfmodel.wire import messages
from tfmodel_runtime.engine import freeze, op_registry, optimize, samples
from tfmodel_runtime.engine.modes import Mode
from tfmodel_runtime.engine.obstacles import NotFrozenError, Obstacle
from tfmodel_runtime.engine.optimize import Abandoned, Outcome, Work
from tfmodel_runtime.engine.program import Program
from tfmodel_runtime.engine.saved_model import SavedModel


@pytest.fixture
def any_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is equal counts as faster, so that no clock decides a test."""
    monkeypatch.setattr(optimize, "_ratio", lambda *_: 0.5)


def optimized(path: Path, mode: Mode = Mode.GRAPH) -> tuple[SavedModel, Outcome, Program | None]:
    tags = ("serve", "mine") if path.parent.name == "of_examples" else ("serve",)
    model = SavedModel.load(path, tags=tags)
    return model, *optimize.optimize(Work(model, path, tags), mode)


def frozen(path: Path) -> bytes:
    model = SavedModel.load(path)
    found = optimize.frozen_graph(Work(model, path))
    model.close()
    return found


def operations(graph: bytes) -> set[str]:
    found = type(messages.MetaGraphDef().graph_def).FromString(graph)
    return {node.op for node in found.node} | {node.op for one in found.library.function for node in one.node_def}


@pytest.mark.parametrize(
    "name",
    [
        "forms", "half_plus_two", "references", "resources", "every_type", "with_defaults", "rare", "depthwise",
        "depthwise_graph",
    ],
)  # fmt: skip
def test_a_frozen_model_answers_as_before(name: str, saved_models: Path, any_speed: None) -> None:
    path = next((saved_models / name).iterdir())
    model = SavedModel.load(path)
    chosen = optimize._samples(model)
    before = [model.run(one.signature, one.feeds) for one in chosen]
    outcome, old = optimize.optimize(Work(model, path), Mode.GRAPH)
    assert (outcome.used, outcome.obstacle) == (Mode.GRAPH, None), outcome
    assert old is not None
    old.close()
    for one, wanted in zip(chosen, before, strict=True):
        assert samples.are_equal(model.run(one.signature, one.feeds), wanted)
    model.close()


def test_a_frozen_graph_holds_no_variable(saved_models: Path) -> None:
    kinds = operations(frozen(saved_models / "forms" / "1"))
    assert not kinds & {
        "VarHandleOp",
        "ReadVariableOp",
        "ResourceGather",
        "ResourceGatherNd",
        "VariableShape",
        "VariableV2",
    }
    assert kinds >= {"GatherV2", "GatherNd", "MatMul"}


@pytest.mark.parametrize(
    ("name", "obstacle", "told"),
    [
        ("types", Obstacle.STATEFUL, "AssignAddVariableOp"),
        ("graph", Obstacle.STATEFUL, "HashTable"),
        ("noisy", Obstacle.STATEFUL, "RandomStandardNormal"),
        ("of_examples", Obstacle.NOT_ASKED, "tf_serving_warmup_requests"),
    ],
)
def test_a_model_that_cannot_be_frozen_stays_with_the_reason(
    name: str, obstacle: Obstacle, told: str, saved_models: Path
) -> None:
    model, outcome, old = optimized(saved_models / name / "1")
    assert (outcome.used, outcome.obstacle, old) == (Mode.NONE, obstacle, None)
    assert told in outcome.message
    model.close()


def test_a_graph_that_answers_otherwise_is_never_used(saved_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = frozen(saved_models / "deep_other" / "1")
    monkeypatch.setattr(optimize, "frozen_graph", lambda _work: other)
    model, outcome, old = optimized(saved_models / "deep" / "1")
    assert (outcome.used, outcome.obstacle, old) == (Mode.NONE, Obstacle.NOT_EQUAL, None)
    model.close()


@pytest.mark.parametrize(
    "damage", [lambda graph: graph[: len(graph) // 2], lambda _: b"", lambda graph: b"\xff" + graph]
)
def test_a_graph_that_is_damaged_is_never_used(damage, saved_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = frozen(saved_models / "deep" / "1")
    monkeypatch.setattr(optimize, "frozen_graph", lambda _work: damage(graph))
    model, outcome, old = optimized(saved_models / "deep" / "1")
    assert (outcome.used, outcome.obstacle, old) == (Mode.NONE, Obstacle.FAILED, None)
    model.close()


def test_a_saved_model_that_was_exchanged_on_disk_is_not_used(
    saved_models: Path, tmp_path: Path, any_speed: None
) -> None:
    shutil.copytree(saved_models / "deep" / "1", tmp_path / "1")
    model = SavedModel.load(tmp_path / "1")
    shutil.copy(saved_models / "half_plus_two" / "1" / "saved_model.pb", tmp_path / "1" / "saved_model.pb")
    outcome, old = optimize.optimize(Work(model, tmp_path / "1"), Mode.GRAPH)
    assert (outcome.used, old) == (Mode.NONE, None)
    model.close()


def test_what_is_not_faster_is_not_used(saved_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimize, "_times", lambda *_: (1.0, 1.0))
    model, outcome, old = optimized(saved_models / "deep" / "1")
    assert (outcome.used, outcome.obstacle, old) == (Mode.NONE, Obstacle.NOT_FASTER, None)
    model.close()


def test_what_is_slower_for_one_kind_of_request_is_not_used(
    saved_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([(0.1, 1.0), (1.5, 1.0)])
    monkeypatch.setattr(optimize, "_times", lambda *_: next(times))
    model, outcome, _ = optimized(saved_models / "deep" / "1")
    assert outcome.obstacle is Obstacle.NOT_FASTER
    model.close()


def test_a_program_that_was_exchanged_is_freed_with_its_last_request(saved_models: Path, any_speed: None) -> None:
    freed: list[bool] = []
    model, _, old = optimized(saved_models / "deep" / "1")
    assert old is not None
    old.when_freed(lambda: freed.append(True))
    request = [old]
    del old
    assert not freed
    request.clear()
    assert freed
    model.close()


def test_work_that_nobody_wants_ends_and_changes_nothing(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "deep" / "1")
    before = model.program
    with pytest.raises(Abandoned):
        optimize.optimize(Work(model, saved_models / "deep" / "1", is_over=lambda: True), Mode.GRAPH)
    assert model.program is before
    model.close()


def test_requests_of_the_warm_up_are_among_those_compared(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "deep" / "1")
    model.samples = []
    asked = np.full((2, 4), 7, np.float32)
    model.run(model.signatures["serving_default"], {"x": asked})
    assert any(np.array_equal(one.feeds["x"], asked) for one in optimize._samples(model))
    model.close()


def test_a_variable_used_in_an_unknown_way_is_refused(saved_models: Path) -> None:
    saved = freeze.meta_graph((saved_models / "resources" / "1" / "saved_model.pb").read_bytes(), ["serve"]).graph_def
    user = saved.node.add(name="odd", op="IdentityN", input=["w"])
    user.attr["T"].list.type.append(20)
    freezer = freeze.Freezer(saved, ["odd:0"], op_registry.stateful())
    with pytest.raises(NotFrozenError, match="IdentityN takes a variable"):
        freezer.frozen({})


def test_xla_is_told_of_where_it_is_not_used(saved_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ratios: Sequence[float] = [0.5, 2.0]
    given = iter(ratios)
    monkeypatch.setattr(optimize, "_times", lambda *_: (next(given), 1.0))
    monkeypatch.setattr(optimize, "_of_each_size", lambda chosen: chosen[:1])
    model, outcome, _ = optimized(saved_models / "deep" / "1", Mode.XLA)
    assert (outcome.used, outcome.obstacle) == (Mode.GRAPH, Obstacle.NOT_FASTER)
    assert outcome.message.startswith("XLA is not used")
    model.close()


def test_none_leaves_the_model_as_it_is(saved_models: Path) -> None:
    model, outcome, old = optimized(saved_models / "deep" / "1", Mode.NONE)
    assert (outcome, old) == (Outcome(Mode.NONE), None)
    model.close()


@pytest.mark.parametrize(
    ("found", "wanted", "equal"),
    [
        (np.array([1.0, np.nan], np.float32), np.array([1.0 + 1e-6, np.nan], np.float32), True),
        (np.array([1.0], np.float32), np.array([1.001], np.float32), False),
        (np.array([1.0], np.float32), np.array([1.0], np.float64), False),
        (np.array([3], np.int64), np.array([4], np.int64), False),
        (np.array([1.0], np.float16), np.array([1.005], np.float16), True),
        (np.array([[1.0]], np.float32), np.array([1.0], np.float32), False),
        (np.array([b"a"], object), np.array([b"b"], object), False),
        (np.array([np.inf], np.float32), np.array([1e30], np.float32), False),
    ],
)
def test_equal_means_within_rounding(found: np.ndarray, wanted: np.ndarray, equal: bool) -> None:
    assert samples.are_equal({"y": found}, {"y": wanted}) is equal
