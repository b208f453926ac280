"""A SavedModel as a graph model of TensorFlow.js: model.json and its weights.

The converter is tensorflowjs 4.22, the last that there is. It says that it needs decision forests, TensorFlow Hub and jax, which bring a
TensorFlow of their own; what converts a SavedModel uses none of them, and they are absent here.
"""

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

MODEL_FILE = "model.json"
_CONVERTERS = "tensorflowjs.converters"
_TABLES = {"HashTable", "HashTableV2"}
_UNUSED = ("tensorflow_decision_forests", "tensorflow_hub")


def convert(saved_model: Path, signature: str, folder: Path) -> None:
    """Writes the signature to the folder. Its inputs and outputs go by their names in the signature, as the SavedModel's do.

    Raises:
        ModuleNotFoundError: tensorflowjs is not there.
        ValueError: the signature has operations or tables that TensorFlow.js does not know; they are named.
    """
    import tensorflow as tf  # noqa: PLC0415 - seconds that only a conversion needs

    converter = _converter()
    loaded = tf.saved_model.load(str(saved_model), ["serve"])
    function = loaded.signatures[signature]
    with _loading(converter, _alone(loaded, signature)):
        converter.convert_tf_saved_model(str(saved_model), str(folder), signature, use_structured_outputs_names=True)
    file = folder / MODEL_FILE
    model = json.loads(file.read_bytes())
    model["signature"] = named(model["signature"], _inputs(function), _outputs(function))
    model["userDefinedMetadata"] = {"structuredOutputKeys": list(_outputs(function))}
    file.write_text(json.dumps(model))


@contextmanager
def _loading(converter: ModuleType, model: Any) -> Iterator[None]:
    """Gives the converter a model that is loaded already: it has no door for one that is not made by Keras."""
    load = converter._load_model  # noqa: SLF001 - see above
    vars(converter)["_load_model"] = lambda _folder, _tags: model
    try:
        yield
    finally:
        vars(converter)["_load_model"] = load


def _alone(loaded: Any, signature: str) -> Any:
    """A model of the signature and the tables that it uses: at a table that only another signature uses the converter would stop.

    Raises:
        ValueError: it uses a table that TensorFlow.js does not have.
    """
    import tensorflow as tf  # noqa: PLC0415 - as above

    model = tf.Module()
    model.signatures = loaded.signatures
    model.tensorflow_version = loaded.tensorflow_version
    model.tables = _tables(loaded, {id(tensor) for tensor in loaded.signatures[signature].captured_inputs})
    lacking = {op for table in model.tables for op in _made_by(table)} - _TABLES
    if lacking:
        told = ", ".join(sorted(lacking))
        raise ValueError(
            f"signature {signature} uses {told}: of tables TensorFlow.js has tf.lookup.StaticHashTable alone"
        )
    return model


def _tables(loaded: Any, handles: set[int]) -> list[Any]:
    """The model's tables with these handles, found as the converter finds them."""
    from tensorflow.python.checkpoint.trackable_view import TrackableView  # noqa: PLC0415 - as above
    from tensorflow.python.trackable.resource import TrackableResource  # noqa: PLC0415 - as above

    parts = TrackableView(loaded).descendants()
    return [part for part in parts if isinstance(part, TrackableResource) and id(part.resource_handle) in handles]


def _made_by(table: Any) -> set[str]:
    """The operations that make the table."""
    import tensorflow as tf  # noqa: PLC0415 - as above

    graphs = (function.graph for function in table._create_resource.concrete_functions)  # noqa: SLF001 - as the converter asks it
    made = (op for graph in graphs for op in graph.get_operations() if op.type != "Identity")
    return {op.type for op in made if any(output.dtype == tf.resource for output in op.outputs)}


def _inputs(function: Any) -> dict[str, str]:
    """Names of inputs in the signature to names of tensors in its graph."""
    return {alias: tensor.name for alias, tensor in zip(function._arg_keywords, function.inputs, strict=False)}  # noqa: SLF001 - nothing else tells both


def _outputs(function: Any) -> dict[str, str]:
    """As for inputs. TensorFlow flattens a dict in the order of its sorted keys."""
    return {
        alias: tensor.name for alias, tensor in zip(sorted(function.structured_outputs), function.outputs, strict=True)
    }


def named(signature: Mapping[str, Any], inputs: Mapping[str, str], outputs: Mapping[str, str]) -> dict[str, Any]:
    """The signature by aliases and in their order, by which TensorFlow.js hands outputs out.

    The converter itself names a tensor only where no other has its type and shape, and leaves the order to chance.
    """
    return {
        "inputs": {**_by_alias(signature["inputs"], inputs), **_resources(signature["inputs"])},
        "outputs": _by_alias(signature["outputs"], outputs),
    }


def _by_alias(found: Mapping[str, Any], tensors: Mapping[str, str]) -> dict[str, Any]:
    """An input that the graph does not use was frozen away, and is left out."""
    by_tensor = {described["name"]: described for described in found.values()}
    return {alias: by_tensor[tensor] for alias, tensor in tensors.items() if tensor in by_tensor}


def _resources(found: Mapping[str, Any]) -> dict[str, Any]:
    """Tables, which are no inputs to users of the model."""
    return {name: described for name, described in found.items() if "resourceId" in described}


def _converter() -> ModuleType:
    """The part of tensorflowjs that converts SavedModels; its package as a whole would import all that it says it needs."""
    if _CONVERTERS not in sys.modules:
        spec = importlib.util.find_spec("tensorflowjs")
        if spec is None or not spec.submodule_search_locations:
            raise ModuleNotFoundError("there is no tensorflowjs", name="tensorflowjs")
        package = ModuleType(_CONVERTERS)
        package.__path__ = [str(Path(spec.submodule_search_locations[0]) / "converters")]
        sys.modules[_CONVERTERS] = package
    with _stand_ins(_UNUSED):
        return importlib.import_module(f"{_CONVERTERS}.tf_saved_model_conversion_v2")


@contextmanager
def _stand_ins(names: tuple[str, ...]) -> Iterator[None]:
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update({name: ModuleType(name) for name in absent})
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
