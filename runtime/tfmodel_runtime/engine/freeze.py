"""A graph whose variables have become constants, for signatures that only read them. Pure: messages in, a message out.

A TensorFlow 2 signature is a call of a function that is handed its variables as resources and reads them inside. Here each function is
made anew for values in place of resources (`convert.py`), down to the functions that it calls, so that TensorFlow's own optimiser
(grappler) can inline them and compute in advance what depends on constants alone, such as a batch normalisation behind a convolution.

What may not be frozen is refused with the reason: operations with a state other than a variable's that is read, as a table, a random
number generator or an assignment.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tfmodel.wire import messages
from tfmodel_runtime.engine.convert import Converter
from tfmodel_runtime.engine.obstacles import NotFrozenError, Obstacle

_HANDLES = frozenset({"VarHandleOp"})
_REFERENCES = frozenset({"VariableV2", "Variable"})
_READS = ("ReadVariableOp",)
_STATE_WITHOUT_HARM = frozenset(
    {
        *_HANDLES, *_REFERENCES, *_READS, "ResourceGather", "ResourceGatherNd", "VariableShape", "Assert", "If", "Case", "While",
        "StatefulPartitionedCall", "PartitionedCall",
    }
)  # fmt: skip
MOST_BYTES = 2**30
"""Of all variables together; a message holds at most 2 GiB."""


class Freezer:
    """What is needed of a graph to freeze it for the tensors of its signatures.

    `stateful` are the kinds of operations that TensorFlow registers as such.

    Raises:
        NotFrozenError: it cannot be frozen.
    """

    def __init__(self, graph: Any, tensors: Iterable[str], stateful: Collection[str]) -> None:
        self._graph = graph
        self._nodes = {node.name: node for node in graph.node}
        self._functions = {function.signature.name: function for function in graph.library.function}
        self._needed = _ancestors(self._nodes, tensors)
        self._check(stateful)
        self.variables = tuple(name for name in self._needed if self._nodes[name].op in _HANDLES | _REFERENCES)
        self.reads = {name: self._read_of(name) for name in self.variables}
        """The tensor that gives a variable's value, by the name of its node."""

    def _check(self, stateful: Collection[str]) -> None:
        harmful = set(stateful) - _STATE_WITHOUT_HARM
        ops = {self._nodes[name].op for name in self._needed}
        for function in _reachable(self._functions, (self._nodes[name] for name in self._needed)):
            ops.update(node.op for node in function.node_def)
        found = sorted(ops & harmful)
        if found:
            raise NotFrozenError(Obstacle.STATEFUL, f"its signatures use {', '.join(found[:5])}, which has a state")

    def _read_of(self, name: str) -> str:
        if self._nodes[name].op in _REFERENCES:
            return f"{name}:0"
        for node in self._graph.node:
            if node.op in _READS and node.input[0] in (name, f"{name}:0"):
                return f"{node.name}:0"
        raise NotFrozenError(Obstacle.UNSUPPORTED, f"the graph has no operation that reads {name}")

    def frozen(self, values: Mapping[str, Any]) -> Any:
        """The GraphDef. `values` are TensorProtos by the variables' names.

        Raises:
            NotFrozenError: a variable is used in a way that a constant cannot be.
        """
        made = type(self._graph)()
        made.versions.CopyFrom(self._graph.versions)
        converter = Converter(self._functions)
        resources = {
            name: self._nodes[name].attr["dtype"].type for name in self.variables if self._nodes[name].op in _HANDLES
        }
        kept = [self._nodes[name] for name in self._needed]
        rest = [node for node in kept if node.name not in values]
        for name, value in values.items():
            _add_constant(made, name, value)
        made.node.extend(converter.converted(rest, resources))
        made.library.function.extend(_reachable({**self._functions, **converter.made}, made.node))
        return made


def size_of(values: Mapping[str, Any]) -> int:
    """Bytes of the values."""
    return sum(len(value.tensor_content) for value in values.values())


def stateful_operations(op_list: Any) -> frozenset[str]:
    """The kinds of operations that have a state, of an OpList."""
    return frozenset(op.name for op in op_list.op if op.is_stateful)


def meta_graph(saved_model: bytes, tags: Sequence[str]) -> Any:
    """The MetaGraphDef under these tags.

    Raises:
        NotFrozenError: there is none.
    """
    for found in messages.SavedModel.FromString(saved_model).meta_graphs:
        if set(found.meta_info_def.tags) == set(tags):
            return found
    raise NotFrozenError(Obstacle.UNSUPPORTED, f"there is no graph under the tags {', '.join(tags)}")


def _add_constant(graph: Any, name: str, value: Any) -> None:
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = value.dtype
    node.attr["value"].tensor.CopyFrom(value)


def _ancestors(nodes: Mapping[str, Any], tensors: Iterable[str]) -> list[str]:
    """Names of all nodes that these tensors depend on, in a settled order."""
    found: dict[str, None] = {}
    waiting = sorted({_node_of(tensor) for tensor in tensors})
    while waiting:
        name = waiting.pop()
        if name in found or name not in nodes:
            continue
        found[name] = None
        if nodes[name].op not in _HANDLES | _REFERENCES:
            waiting.extend(_node_of(tensor) for tensor in nodes[name].input)
    return list(found)


def _node_of(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _reachable(functions: Mapping[str, Any], nodes: Iterable[Any]) -> Iterator[Any]:
    """The functions that nodes call, and those that these call."""
    seen: set[str] = set()
    waiting = [name for node in nodes for name in called(node)]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        yield functions[name]
        waiting.extend(inner for node in functions[name].node_def for inner in called(node))


def called(node: Any) -> Iterator[str]:
    """The names of the functions that a node calls."""
    if node.op and not node.attr:
        yield node.op
        return
    yield node.op
    for value in node.attr.values():
        kind = value.WhichOneof("value")
        if kind == "func":
            yield value.func.name
        elif kind == "list":
            yield from (function.name for function in value.list.func)
