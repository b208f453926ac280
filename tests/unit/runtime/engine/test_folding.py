"""Scales behind depthwise convolutions: which become a part of the weights, and that the rest of a graph is left as it is.

That the answers stay the same is seen in test_optimize.py.
"""

from pathlib import Path
from typing import Any

import pytest

from tfmodel.wire import messages
from tfmodel_runtime.engine import folding, optimize
from tfmodel_runtime.engine.optimize import Work
from tfmodel_runtime.engine.saved_model import SavedModel

GRAPH = type(messages.MetaGraphDef().graph_def)
FOLD = folding.fold


@pytest.fixture
def graph_of(saved_models: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives the frozen graph of a model, and what it was before it was folded."""

    def made(name: str) -> tuple[Any, Any]:
        path = next((saved_models / name).iterdir())
        model = SavedModel.load(path)
        folded = GRAPH.FromString(optimize.frozen_graph(Work(model, path)))
        monkeypatch.setattr(folding, "fold", lambda *_: None)
        plain = GRAPH.FromString(optimize.frozen_graph(Work(model, path)))
        model.close()
        return folded, plain

    return made


def nodes(graph: Any) -> list[Any]:
    return [*graph.node, *(node for function in graph.library.function for node in function.node_def)]


def test_a_scale_for_each_channel_goes_into_the_weights_and_no_other_does(graph_of: Any) -> None:
    folded, plain = graph_of("depthwise")
    weights = [node for node in nodes(folded) if node.name.endswith("/tfmodel_weights")]
    assert [node.op for node in weights] == ["Mul"]
    [convolution] = [node for node in nodes(folded) if f"{weights[0].name}:z:0" in node.input]
    assert convolution.op == "DepthwiseConv2dNative"
    assert convolution.input[1] == f"{weights[0].name}:z:0"
    kinds = [[node.op for node in nodes(graph)].count("DepthwiseConv2dNative") for graph in (folded, plain)]
    assert kinds == [4, 4]


def test_a_graph_without_functions_is_folded_under_the_names_that_its_signatures_use(graph_of: Any) -> None:
    folded, plain = graph_of("depthwise_graph")
    [before] = [node for node in plain.node if node.name == "y"]
    [after] = [node for node in folded.node if node.name == "y"]
    assert (before.op, after.op) == ("Mul", "Identity")
    assert sum(node.name.endswith("/tfmodel_weights") for node in folded.node) == 1


@pytest.mark.parametrize("name", ["forms", "deep", "every_type", "half_plus_two"])
def test_what_has_no_such_scale_is_left_as_it_is(name: str, graph_of: Any) -> None:
    folded, plain = graph_of(name)
    assert folded == plain


def test_functions_that_are_called_twice_are_left_as_they_are(graph_of: Any) -> None:
    _, graph = graph_of("depthwise")
    for number, call in enumerate([node for node in graph.node if node.op in folding._CALLS]):
        graph.node.add().CopyFrom(call)
        graph.node[-1].name = f"again_{number}"
    twice = GRAPH.FromString(graph.SerializeToString())
    FOLD(twice, [])
    assert twice == graph


def test_a_function_that_another_operation_refers_to_is_left_as_it_is(graph_of: Any) -> None:
    _, graph = graph_of("depthwise")
    for number, call in enumerate([node for node in graph.node if node.op in folding._CALLS]):
        branch = graph.node.add(name=f"branch_{number}", op="StatelessIf")
        branch.attr["then_branch"].func.name = call.attr["f"].func.name
    twice = GRAPH.FromString(graph.SerializeToString())
    FOLD(twice, [])
    assert twice == graph


def test_a_convolution_that_a_signature_gives_stays_what_it_is(graph_of: Any) -> None:
    _, graph = graph_of("depthwise_graph")
    [convolution] = [node for node in graph.node if node.op == "DepthwiseConv2dNative"]
    same = GRAPH.FromString(graph.SerializeToString())
    FOLD(same, ["y:0", f"{convolution.name}:0"])
    assert same == graph
    FOLD(same, ["y:0"])
    assert same != graph
