"""Scales behind depthwise convolutions go into their weights, in a graph of constants: what batch normalisation leaves. Pure.

TensorFlow's optimiser does so for Conv2D (`MulConvPushDown` in constant_folding.cc), but not for DepthwiseConv2dNative. There the scale
stays a multiplication of each output, and keeps what follows, a bias and an activation, from becoming a part of the convolution.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.engine.convert import rename
from tfmodel_runtime.engine.freeze import called

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_ALIKE = frozenset({"Identity", "Rsqrt", "Sqrt", "Neg", "Mul", "Add", "AddV2", "Sub", "RealDiv"})
"""Operations whose output has the shape of their inputs, made one by broadcasting."""

Shapes = dict[str, tuple[int, ...]]
"""Of what depends on constants alone, by the names of nodes and arguments."""


@dataclass(slots=True)
class _Body:
    """The nodes of a graph, or of a function that returns `returned`."""

    nodes: Any
    returned: Any
    is_function: bool

    def reference(self, node: Any, output: str) -> str:
        """What an output goes by, which has a name in a function."""
        return f"{node.name}:{output}:0" if self.is_function else node.name


def fold(graph: Any, tensors: Iterable[str]) -> None:
    """Changes a GraphDef whose variables are constants; what is computed for these tensors stays the same but for rounding."""
    functions = {function.signature.name: function for function in graph.library.function}
    times = Counter(
        name
        for nodes in (graph.node, *(function.node_def for function in functions.values()))
        for node in nodes
        for name in called(node)
    )
    returned = {tensor: tensor for tensor in tensors}
    waiting: list[tuple[_Body, Shapes]] = [(_Body(graph.node, returned, is_function=False), {})]
    while waiting:
        body, given = waiting.pop()
        known = _shapes(body.nodes, given)
        _fold_body(body, known)
        for node in body.nodes:
            function = functions.get(node.attr["f"].func.name) if node.op in _CALLS else None
            if function is not None and times[function.signature.name] == 1:  # the shapes are then those of this call
                waiting.append(
                    (_Body(function.node_def, function.ret, is_function=True), _handed(node, function, known))
                )


def _handed(call: Any, function: Any, known: Shapes) -> Shapes:
    """Shapes of the arguments that a call hands constants to."""
    names = (argument.name for argument in function.signature.input_arg)
    return {
        name: known[_node_of(tensor)]
        for name, tensor in zip(names, _data(call), strict=False)
        if _node_of(tensor) in known
    }


def _shapes(nodes: Any, given: Shapes) -> Shapes:
    known = dict(given)
    before = -1
    while len(known) != before:
        before = len(known)
        for node in nodes:
            shape = None if node.name in known else _shape(node, known)
            if shape is not None:
                known[node.name] = shape
    return known


def _shape(node: Any, known: Shapes) -> tuple[int, ...] | None:
    if node.op == "Const":
        return tuple(dim.size for dim in node.attr["value"].tensor.tensor_shape.dim)
    names = [_node_of(tensor) for tensor in _data(node)]
    if node.op not in _ALIKE or not all(name in known for name in names):
        return None
    try:
        return np.broadcast_shapes(*(known[name] for name in names))
    except ValueError:
        return None


def _fold_body(body: _Body, known: Shapes) -> None:
    nodes = {node.name: node for node in body.nodes}
    users = Counter(_node_of(tensor) for tensor in (*_all_inputs(nodes), *body.returned.values()))
    renamed: dict[str, str] = {}
    for node in list(nodes.values()):
        found = _scaled(node, nodes, known) if node.op == "Mul" else None
        if found is None or users[_node_of(found[0])] != 1:
            continue
        convolved, scale = found
        convolution = nodes[_node_of(convolved)]
        kernel = known[_node_of(convolution.input[1])]
        body.nodes.extend(_weights(body, convolution, scale, kernel[2:]))
        renamed[f"{node.name}:z:0"] = f"{node.name}:output:0"
        dtype = node.attr["T"].type
        node.op = "Identity"
        node.attr.clear()
        node.attr["T"].type = dtype
        node.input[:] = [convolved, *(tensor for tensor in node.input if tensor.startswith("^"))]
    if body.is_function:
        rename(body.nodes, body.returned, renamed)


def _scaled(node: Any, nodes: Mapping[str, Any], known: Shapes) -> tuple[str, str] | None:
    """The tensors of a product, if they are a depthwise convolution and a scale for each of its channels."""
    one, two = _data(node)
    for convolved, scale in ((one, two), (two, one)):
        convolution = nodes.get(_node_of(convolved))
        if convolution is None or convolution.op != "DepthwiseConv2dNative":
            continue
        kernel = known.get(_node_of(convolution.input[1]), ())
        has_channels_last = "data_format" not in convolution.attr or convolution.attr["data_format"].s == b"NHWC"
        if has_channels_last and len(kernel) == 4 and known.get(_node_of(scale)) == (kernel[2] * kernel[3],):
            return convolved, scale
    return None


def _weights(body: _Body, convolution: Any, scale: str, channels: tuple[int, ...]) -> Iterator[Any]:
    """The nodes that scale a convolution's weights, [height, width, *channels], which it takes from then on."""
    dtype = convolution.attr["T"].type
    shape, reshaped, product = (
        type(convolution)(name=f"{convolution.name}/tfmodel_{name}", op=op, device=convolution.device)
        for name, op in (("channels", "Const"), ("scale", "Reshape"), ("weights", "Mul"))
    )
    shape.attr["dtype"].type = DataType.INT32
    value = shape.attr["value"].tensor
    value.dtype = DataType.INT32
    value.tensor_shape.dim.add(size=len(channels))
    value.int_val.extend(channels)
    reshaped.input.extend([scale, body.reference(shape, "output")])
    reshaped.attr["T"].type, reshaped.attr["Tshape"].type = dtype, DataType.INT32
    product.input.extend([convolution.input[1], body.reference(reshaped, "output")])
    product.attr["T"].type = dtype
    convolution.input[1] = body.reference(product, "z")
    yield from (shape, reshaped, product)


def _all_inputs(nodes: Mapping[str, Any]) -> Iterator[str]:
    for node in nodes.values():
        yield from node.input


def _data(node: Any) -> list[str]:
    return [tensor for tensor in node.input if not tensor.startswith("^")]


def _node_of(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]
