"""A part of a graph a second time: what depends on the input is copied, the rest is shared."""

from typing import Any

from tfmodel.wire import messages
from tfmodel_trainer.copying import copied


def a_graph(**nodes: tuple[str, ...]) -> Any:
    graph = messages.MetaGraphDef().graph_def
    for name, inputs in nodes.items():
        graph.node.add(name=name, op="Enter" if name == "loop" else "Any", input=inputs)
    return graph


def test_only_what_lies_between_input_and_output_is_copied() -> None:
    graph = a_graph(x=(), w=(), y=("x", "w"), z=("y:1", "^y"), other=("y",), saver=("w",))
    assert copied(graph, {"x:0": "new:0"}, ["z:0", "w:0"], "named") == {"z:0": "named/z:0"}
    made = {node.name: list(node.input) for node in graph.node if node.name.startswith("named/")}
    assert made == {"named/y": ["new:0", "w"], "named/z": ["named/y:1", "^named/y"]}


def test_another_output_of_the_fed_operation_is_not_replaced() -> None:
    graph = a_graph(x=(), y=("x:0", "x:1"))
    assert copied(graph, {"x:0": "new:0"}, ["y:0"], "named") == {"y:0": "named/y:0"}
    assert list(graph.node[-1].input) == ["new:0", "x:1"]


def test_an_output_that_is_the_input_itself_becomes_the_new_one() -> None:
    assert copied(a_graph(x=()), {"x:0": "new:0"}, ["x:0"], "named") == {"x:0": "new:0"}


def test_the_frame_of_a_loop_is_another_one() -> None:
    graph = a_graph(x=(), loop=("x",))
    graph.node[1].attr["frame_name"].s = b"while"
    graph.node[1].attr["_class"].list.s.append(b"loc:@x")
    copied(graph, {"x:0": "new:0"}, ["loop:0"], "named")
    assert graph.node[-1].attr["frame_name"].s == b"named/while"
    assert "_class" not in graph.node[-1].attr
