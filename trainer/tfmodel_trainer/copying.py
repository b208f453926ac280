"""A part of a GraphDef a second time, on other inputs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

_FRAMES = ("Enter", "RefEnter")


def copied(graph_def: Any, fed: Mapping[str, str], outputs: Sequence[str], within: str) -> dict[str, str]:
    """Adds copies of what lies between the tensors of `fed` and the outputs, as `<within>/<name>`; by each output its copy.

    `fed` maps a tensor to the one that the copies take in its place. What does not depend on these tensors is shared, and an output
    that does not is not in the answer. Tensors are called <operation>:<number>.
    """
    nodes = {node.name: node for node in graph_def.node}
    between = _below(nodes, fed) & _above(nodes, outputs)
    for name in sorted(between):
        copy = graph_def.node.add()
        copy.CopyFrom(nodes[name])
        copy.name = f"{within}/{name}"
        copy.attr.pop("_class", None)  # says where an operation is, by the name of another one
        if copy.op in _FRAMES:
            copy.attr["frame_name"].s = within.encode() + b"/" + copy.attr["frame_name"].s
        copy.input[:] = [_replaced(one, between, fed, within) for one in nodes[name].input]
    return {one: found for one in outputs if (found := _replaced(one, between, fed, within)) != one}


def _replaced(reference: str, between: Collection[str], fed: Mapping[str, str], within: str) -> str:
    if reference.startswith("^"):
        return f"^{within}/{reference[1:]}" if reference[1:] in between else reference
    tensor = _tensor(reference)
    if tensor in fed:
        return fed[tensor]
    return f"{within}/{reference}" if _operation(reference) in between else reference


def _tensor(reference: str) -> str:
    return reference if ":" in reference else f"{reference}:0"


def _operation(reference: str) -> str:
    return reference.removeprefix("^").partition(":")[0]


def _below(nodes: Mapping[str, Any], tensors: Collection[str]) -> set[str]:
    """Operations that depend on one of the tensors."""
    users: dict[str, list[str]] = {}
    begin: list[str] = []
    for node in nodes.values():
        for one in node.input:
            if not one.startswith("^") and _tensor(one) in tensors:
                begin.append(node.name)
            else:
                users.setdefault(_operation(one), []).append(node.name)
    return set(_reached(begin, users))


def _above(nodes: Mapping[str, Any], outputs: Collection[str]) -> set[str]:
    """Operations that an output depends on, with the one that it comes from."""
    inputs = {name: [_operation(one) for one in node.input] for name, node in nodes.items()}
    return set(_reached([_operation(one) for one in outputs], inputs))


def _reached(begin: Sequence[str], edges: Mapping[str, Sequence[str]]) -> Iterator[str]:
    seen, waiting = set(begin), list(dict.fromkeys(begin))
    while waiting:
        name = waiting.pop()
        yield name
        new = [one for one in edges.get(name, ()) if one not in seen]
        seen.update(new)
        waiting.extend(new)
