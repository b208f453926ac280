"""The inputs of `tfmodel predict`, in the forms that saved_model_cli takes: files, expressions, tf.Examples.

An expression is read, never run: a literal of Python, or one of a few functions of NumPy with literals as arguments.
"""

import ast
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmodel.wire import messages
from tfmodel_cli.errors import CommandError

Array = np.ndarray[Any, Any]
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "array": np.array,
    "asarray": np.asarray,
    "ones": np.ones,
    "zeros": np.zeros,
    "full": np.full,
    "eye": np.eye,
    "arange": np.arange,
    "linspace": np.linspace,
}
_TYPES = {
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool_", "complex64",
}  # fmt: skip
_MOST_ELEMENTS = 2**26


def from_files(text: str) -> dict[str, Array]:
    """Arrays by input out of `input=file.npy;input=file.npz[key]`.

    Raises:
        CommandError: a part is no assignment, or a file holds no such array.
    """
    return {name: _of_file(name, value) for name, value in _assignments(text, "--inputs")}


def _of_file(name: str, value: str) -> Array:
    file, bracket, key = value.partition("[")
    try:
        loaded = np.load(Path(file), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CommandError(f"--inputs {name}: {file} is no .npy or .npz file that can be read: {error}") from error
    if isinstance(loaded, np.ndarray):
        if bracket:
            raise CommandError(f"--inputs {name}: {file} holds one array, and {key.rstrip(']')} names one of several")
        return loaded
    with loaded:
        wanted = key.rstrip("]") if bracket else (loaded.files[0] if len(loaded.files) == 1 else "")
        if wanted not in loaded.files:
            raise CommandError(
                f"--inputs {name}: {file} holds {', '.join(loaded.files)}", f"name one: --inputs {name}={file}[NAME]"
            )
        found: Array = loaded[wanted]
        return found


def from_expressions(text: str) -> dict[str, Any]:
    """Values by input out of `input=[[1.0, 2.0]];other=np.ones((2, 3))`.

    Raises:
        CommandError: a part is no assignment, or no expression of the few that are read.
    """
    return {name: _of_expression(name, value) for name, value in _assignments(text, "--input_exprs")}


def _of_expression(name: str, text: str) -> Any:
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError, OverflowError) as error:
        raise CommandError(
            f"--input_exprs {name}: {text.strip()[:80]} cannot be read: {error}",
            f"write literals such as [[1.0, 2.0]], or np.<function> of them: {', '.join(sorted(_FUNCTIONS))}",
        ) from error


def _value(node: ast.expr) -> Any:
    """What an expression says.

    Raises:
        ValueError: it is more than literals and calls of the few functions.
    """
    if isinstance(node, ast.Call):
        arguments = [_value(argument) for argument in node.args]
        named = {str(keyword.arg): _value(keyword.value) for keyword in node.keywords}
        return _bounded(_function(node.func), arguments, named)
    if isinstance(node, ast.Attribute) and _is_numpy(node.value) and node.attr in _TYPES:
        return getattr(np, node.attr)
    return ast.literal_eval(node)


def _bounded(function: Callable[..., Any], arguments: list[Any], named: Mapping[str, Any]) -> Any:
    numbers = [size for argument in (*arguments, *named.values()) for size in _sizes(argument)]
    if numbers and float(np.prod([max(1.0, abs(float(size))) for size in numbers])) > _MOST_ELEMENTS:
        raise ValueError(f"it would be an array of more than {_MOST_ELEMENTS} numbers")
    return function(*arguments, **named)


def _sizes(argument: Any) -> list[float]:
    if isinstance(argument, int | float) and not isinstance(argument, bool):
        return [argument]
    if isinstance(argument, tuple) and all(isinstance(one, int) for one in argument):
        return list(argument)
    return []


def _function(node: ast.expr) -> Callable[..., Any]:
    if isinstance(node, ast.Attribute) and _is_numpy(node.value) and node.attr in _FUNCTIONS:
        return _FUNCTIONS[node.attr]
    raise ValueError(f"{ast.unparse(node)} is no function that may be used here")


def _is_numpy(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy")


def from_examples(text: str) -> dict[str, Array]:
    """Serialized tf.Examples by input out of `examples=[{"age": [22], "name": ["text"]}]`.

    Raises:
        CommandError: a part is no assignment, or no list of features by name.
    """
    return {name: _serialized(name, value) for name, value in _assignments(text, "--input_examples")}


def _serialized(name: str, text: str) -> Array:
    found = _of_expression(name, text)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise CommandError(f"--input_examples {name}: expected a list of features by name, got {text[:80]}")
    return np.array([_example(name, one).SerializeToString() for one in found], object)


def _example(name: str, features: Mapping[str, Any]) -> Any:
    example = messages.Example()
    for feature, given in features.items():
        values = given if isinstance(given, list) else [given]
        target = example.features.feature[str(feature)]
        if all(isinstance(one, str | bytes) for one in values):
            target.bytes_list.value.extend(one.encode() if isinstance(one, str) else one for one in values)
        elif all(isinstance(one, int) for one in values):
            target.int64_list.value.extend(values)
        elif all(isinstance(one, int | float) for one in values):
            target.float_list.value.extend(float(one) for one in values)
        else:
            raise CommandError(
                f"--input_examples {name}: feature {feature} must be numbers or texts, got {given!r:.80}"
            )
    return example


def _assignments(text: str, option: str) -> list[tuple[str, str]]:
    parts = [part.partition("=") for part in _split(text)]
    if not parts or not all(sign and name.strip() and value.strip() for name, sign, value in parts):
        raise CommandError(f"{option} {text[:80]}: expected INPUT=VALUE, several with ; between them")
    return [(name.strip(), value.strip()) for name, _sign, value in parts]


def _split(text: str) -> list[str]:
    """The parts between semicolons that stand in no string."""
    parts, quote = [""], ""
    for character in text:
        if character == ";" and not quote:
            parts.append("")
            continue
        if character in "'\"":
            quote = "" if character == quote else (quote or character)
        parts[-1] += character
    return [part for part in parts if part.strip()]
