"""Functions that take values where they took variables: what `freeze.py` makes of a signature's call. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.engine.obstacles import NotFrozenError, Obstacle

_TYPES_OF_INPUTS = {
    "StatefulPartitionedCall": "Tin", "PartitionedCall": "Tin", "If": "Tin", "StatelessIf": "Tin", "Case": "Tin",
    "StatelessCase": "Tin", "While": "T", "StatelessWhile": "T",
}  # fmt: skip
_SELECTED = frozenset({"If", "StatelessIf", "Case", "StatelessCase"})
"""Their first input says which function is called, and is not handed to it."""
_LOOPS = frozenset({"While", "StatelessWhile"})

Types = dict[str, int]
"""The types of the values that stand for variables, by the names of tensors in one function or in the graph."""


class Converter:
    """Converts nodes, and what they call. `made` are the functions that were made, by name."""

    def __init__(self, functions: Mapping[str, Any]) -> None:
        self._functions = functions
        self.made: dict[str, Any] = {}

    def converted(self, nodes: Iterable[Any], values: Types, *, in_function: bool = False) -> Iterator[Any]:
        """The nodes of a graph or of a function, reading values. `values` are those that are known beforehand.

        Raises:
            NotFrozenError: a variable is used in a way that a value cannot be.
        """
        given = list(nodes)
        known = _spread(given, values)
        for node in given:
            if any(_plain(tensor) in known for tensor in node.input):
                yield from self._convert(node, known, in_function=in_function)
            else:
                yield node

    def _convert(self, node: Any, known: Types, *, in_function: bool) -> Iterator[Any]:
        made = type(node)()
        made.CopyFrom(node)
        _drop(made.attr, "_class", "_output_shapes")
        dtype = known.get(_plain(node.input[0]), 0)
        extra = None
        if node.op in _TYPES_OF_INPUTS:
            self._call(made, known)
        elif node.op in ("ReadVariableOp", "Identity"):
            _become(made, "Identity", T=dtype)
        elif node.op == "ResourceGather":
            extra = _gather(made, dtype, in_function=in_function)
        elif node.op == "ResourceGatherNd":
            _become(made, "GatherNd", Tparams=dtype, Tindices=node.attr["Tindices"].type)
        elif node.op == "VariableShape":
            _become(made, "Shape", T=dtype, out_type=node.attr["out_type"].type or int(DataType.INT32))
        elif node.op != "NoOp":
            raise NotFrozenError(Obstacle.UNSUPPORTED, f"{node.op} takes a variable that is more than read")
        if extra is not None:
            yield extra
        yield made

    def _call(self, node: Any, known: Types) -> None:
        """A call is handed values, and calls what takes values."""
        data = [tensor for tensor in node.input if not tensor.startswith("^")]
        skipped = 1 if node.op in _SELECTED else 0
        types = node.attr[_TYPES_OF_INPUTS[node.op]].list.type
        given = {place: known[_plain(tensor)] for place, tensor in enumerate(data[skipped:]) if _plain(tensor) in known}
        for place, dtype in given.items():
            types[place] = dtype
        _drop(node.attr, "_read_only_resource_inputs", *(("output_shapes",) if node.op in _LOOPS else ()))
        for value in node.attr.values():
            kind = value.WhichOneof("value")
            for function in (value.func,) if kind == "func" else value.list.func if kind == "list" else ():
                function.name = self._function(function.name, given, returns=node.op in _LOOPS)

    def _function(self, name: str, given: Mapping[int, int], *, returns: bool) -> str:
        """The name of a function made from another one for values at these places; a loop's body returns them, too."""
        made_name = f"{name}_of_{'_'.join(f'{place}t{dtype}' for place, dtype in sorted(given.items()))}"
        if made_name in self.made or name not in self._functions:
            return made_name if made_name in self.made else name
        function = self._functions[name]
        made = type(function)()
        made.CopyFrom(function)
        made.signature.name = made_name
        self.made[made_name] = made
        arguments = made.signature.input_arg
        values: Types = {}
        for place, dtype in given.items():
            arguments[place].type = dtype
            del arguments[place].handle_data[:]
            _drop(made.arg_attr, place)
            values[arguments[place].name] = dtype
        _drop(made.attr, "_input_shapes")
        del made.node_def[:]
        made.node_def.extend(self.converted(function.node_def, values, in_function=True))
        _rename_reads(function, made)
        known = _spread(function.node_def, values)
        for output in made.signature.output_arg:
            returned = known.get(_plain(made.ret[output.name]))
            if returned is not None and not returns:
                raise NotFrozenError(Obstacle.UNSUPPORTED, f"the function {name} returns a variable")
            if returned is not None:
                output.type = returned
                del output.handle_data[:]
        return made_name


def _spread(nodes: Sequence[Any], values: Types) -> Types:
    """The values, with those that are the same under other names: an Identity of a variable, or what a loop hands through."""
    known = dict(values)
    before = -1
    while len(known) != before:
        before = len(known)
        for node in nodes:
            if node.op == "Identity" and node.attr["T"].type == DataType.RESOURCE and _plain(node.input[0]) in known:
                known[node.name] = known[_plain(node.input[0])]
    return known


def _plain(tensor: str) -> str:
    """The name of a node's first output without its place: `a`, of a:0 in a graph and of a:output:0 in a function."""
    name, _, place = tensor.partition(":")
    return name if place in ("", "0", "output:0") else tensor


def _rename_reads(before: Any, made: Any) -> None:
    """In a function an output goes by its name in the operation's definition: ReadVariableOp's is value, Identity's output."""
    ops = {node.name: node.op for node in made.node_def}
    renamed = {
        f"{node.name}:value:0": f"{node.name}:output:0"
        for node in before.node_def
        if node.op == "ReadVariableOp" and ops[node.name] == "Identity"
    }
    rename(made.node_def, made.ret, renamed)


def rename(nodes: Iterable[Any], returned: Any, renamed: Mapping[str, str]) -> None:
    """Has the nodes of a function, and what it returns, refer to tensors by other names."""
    for node in nodes:
        for place, tensor in enumerate(node.input):
            if tensor in renamed:
                node.input[place] = renamed[tensor]
    for name, tensor in returned.items():
        if tensor in renamed:
            returned[name] = renamed[tensor]


def _drop(fields: Any, *names: str | int) -> None:
    for name in names:
        if name in fields:
            del fields[name]


def _become(node: Any, op: str, **types: int) -> None:
    node.op = op
    node.attr.clear()
    for name, dtype in types.items():
        node.attr[name].type = dtype


def _gather(node: Any, dtype: int, *, in_function: bool) -> Any:
    """Makes ResourceGather a GatherV2; the constant that says along which axis."""
    batch_dims, indices = node.attr["batch_dims"].i, node.attr["Tindices"].type
    axis = type(node)(name=f"{node.name}/tfmodel_axis", op="Const", device=node.device)
    axis.attr["dtype"].type = DataType.INT32
    axis.attr["value"].tensor.dtype = DataType.INT32
    axis.attr["value"].tensor.int_val.append(batch_dims)
    axis.attr["value"].tensor.tensor_shape.SetInParent()
    _become(node, "GatherV2", Tparams=dtype, Tindices=indices, Taxis=int(DataType.INT32))
    node.attr["batch_dims"].i = batch_dims
    inputs = list(node.input)
    place = f"{axis.name}:output:0" if in_function else axis.name
    node.input[:] = [*inputs[:2], place, *inputs[2:]]
    return axis
