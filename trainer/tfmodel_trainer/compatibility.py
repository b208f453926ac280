"""Whether clients of one version can go on with another: its signatures compared with those of the version that serves.

What a client relies on: the signatures' names, the inputs that it sends with their types and shapes, the outputs that it reads. A
wider input (a dimension that became free) and more outputs or signatures harm nobody.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Tensor = Mapping[str, Any]


def breaks(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What a client of `before` would stumble over, in words.

    Both map a signature's name to inputs and outputs, and these an alias to dtype and shape, as a version's record has them.
    """
    return [told for name in sorted(before) for told in _of_signature(name, before[name], after.get(name))]


def _of_signature(name: str, before: Mapping[str, Any], after: Mapping[str, Any] | None) -> Iterator[str]:
    if after is None:
        yield f"signature {name} is gone"
        return
    yield from (f"signature {name}: {told}" for told in _of_inputs(before["inputs"], after["inputs"]))
    yield from (f"signature {name}: {told}" for told in _of_outputs(before["outputs"], after["outputs"]))


def _of_inputs(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> Iterator[str]:
    for alias in sorted(before.keys() | after.keys()):
        if alias not in after:
            yield f"input {alias} is gone"
        elif alias not in before:
            if not after[alias].get("hasDefault"):
                yield f"input {alias} is new"
        elif before[alias]["dtype"] != after[alias]["dtype"]:
            yield f"input {alias} was {before[alias]['dtype']} and is {after[alias]['dtype']}"
        elif not _fits(before[alias]["shape"], after[alias]["shape"]):
            yield f"input {alias} had shape {_text(before[alias])} and has {_text(after[alias])}"


def _of_outputs(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> Iterator[str]:
    for alias in sorted(before):
        if alias not in after:
            yield f"output {alias} is gone"
        elif before[alias]["dtype"] != after[alias]["dtype"]:
            yield f"output {alias} was {before[alias]['dtype']} and is {after[alias]['dtype']}"
        elif not _fits(after[alias]["shape"], before[alias]["shape"]):
            yield f"output {alias} had shape {_text(before[alias])} and has {_text(after[alias])}"


def _fits(narrow: list[int] | None, wide: list[int] | None) -> bool:
    """Whether every tensor of the one shape has the other; None is any shape, -1 any size."""
    if wide is None:
        return True
    if narrow is None or len(narrow) != len(wide):
        return False
    return all(theirs in (-1, ours) for ours, theirs in zip(narrow, wide, strict=True))


def _text(tensor: Tensor) -> str:
    shape = tensor["shape"]
    return "any" if shape is None else f"[{', '.join('?' if size < 0 else str(size) for size in shape)}]"
