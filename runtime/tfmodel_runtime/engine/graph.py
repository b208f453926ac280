"""What a graph tells of itself without being run."""

from collections.abc import Iterator
from typing import Any

_UNBOUNDED = frozenset({"While", "StatelessWhile", "Enter", "RefEnter", "IteratorGetNext", "IteratorGetNextSync"})
_BLOCKING = ("QueueDequeue", "Barrier", "Stage", "Unstage")


def is_unbounded(meta_graph: Any) -> bool:
    """Whether a run can last for any time: values decide how often a loop turns, others how long a queue is waited for.

    All other ops take a time that goes with the size of their inputs.
    """
    return any(op in _UNBOUNDED or op.startswith(_BLOCKING) for op in operations(meta_graph.graph_def))


def operations(graph: Any) -> Iterator[str]:
    """The kind of each operation of a GraphDef, those in its functions included."""
    yield from (node.op for node in graph.node)
    for function in graph.library.function:
        yield from (node.op for node in function.node_def)
