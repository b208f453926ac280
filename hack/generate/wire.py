"""Writes sdk/tfmodel/wire/descriptors.bin: the message types of TensorFlow Serving's API and of SavedModel.

They are read out of the pinned wheels of tensorflow and tensorflow-serving-api, so that servers and clients need neither at
run time (importing their generated modules would import all of TensorFlow). Run by `make generate`.
"""

import importlib
from pathlib import Path

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor

TARGET = Path(__file__).resolve().parents[2] / "sdk" / "tfmodel" / "wire" / "descriptors.bin"
MODULES = (
    "tensorflow.core.protobuf.saved_model_pb2",
    "tensorflow.core.protobuf.config_pb2",
    "tensorflow.core.example.example_pb2",
    "tensorflow_serving.apis.model_service_pb2",
    "tensorflow_serving.apis.prediction_log_pb2",
    "tensorflow_serving.apis.prediction_service_pb2",
    "tensorflow_serving.config.model_server_config_pb2",
)


def descriptor_set() -> bytes:
    """A serialized FileDescriptorSet in which every file stands after those that it imports."""
    found: dict[str, FileDescriptor] = {}
    for module in MODULES:
        _collect(importlib.import_module(module).DESCRIPTOR, found)
    files = descriptor_pb2.FileDescriptorSet()
    for descriptor in found.values():
        descriptor.CopyToProto(files.file.add())
    return files.SerializeToString(deterministic=True)


def _collect(descriptor: FileDescriptor, found: dict[str, FileDescriptor]) -> None:
    for imported in descriptor.dependencies:
        _collect(imported, found)
    found.setdefault(descriptor.name, descriptor)


def files() -> dict[Path, bytes]:
    """The generated file and what it holds."""
    return {TARGET: descriptor_set()}
