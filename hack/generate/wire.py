"""Writes sdk/tfmodel/wire/descriptors.bin: the message types of both serving APIs, of gRPC's own services and of SavedModel.

They are read out of the pinned wheels of tensorflow, tensorflow-serving-api, tritonclient and gRPC's services, so that servers and clients need
none of them at run time (importing the generated modules would import all of TensorFlow). Run by `make generate`.
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
    "tritonclient.grpc.service_pb2",
    "grpc_health.v1.health_pb2",
    "grpc_reflection.v1alpha.reflection_pb2",
)

_WRAPPED = ".google.protobuf.{}Value".format
FLAG_FILES: dict[str, dict[str, str]] = {
    "SSLConfig": {"server_key": "string", "server_cert": "string", "custom_ca": "string", "client_verify": "bool"},
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": ".tensorflow.serving.PrometheusConfig"},
    "BatchingParameters": {
        "max_batch_size": _WRAPPED("Int64"),
        "batch_timeout_micros": _WRAPPED("Int64"),
        "max_enqueued_batches": _WRAPPED("Int64"),
        "num_batch_threads": _WRAPPED("Int64"),
        "thread_pool_name": _WRAPPED("String"),
        "allowed_batch_sizes": "repeated int64",
        "pad_variable_length_inputs": "bool",
        "enable_large_batch_splitting": _WRAPPED("Bool"),
        "max_execution_batch_size": _WRAPPED("Int64"),
    },
}


def descriptor_set() -> bytes:
    """A serialized FileDescriptorSet in which every file stands after those that it imports."""
    found: dict[str, FileDescriptor] = {}
    for module in MODULES:
        _collect(importlib.import_module(module).DESCRIPTOR, found)
    files = descriptor_pb2.FileDescriptorSet()
    for descriptor in found.values():
        descriptor.CopyToProto(files.file.add())
    files.file.append(_reflection_v1(files))
    files.file.append(_flag_files())
    return files.SerializeToString(deterministic=True)


def _reflection_v1(files: descriptor_pb2.FileDescriptorSet) -> descriptor_pb2.FileDescriptorProto:
    """Version 1 of gRPC's reflection, which is v1alpha under another name; no wheel has it."""
    alpha = next(file for file in files.file if file.package == "grpc.reflection.v1alpha")
    found = descriptor_pb2.FileDescriptorProto()
    found.CopyFrom(alpha)
    found.name, found.package = "grpc/reflection/v1/reflection.proto", "grpc.reflection.v1"
    for message in found.message_type:
        for field in filter(lambda field: field.type_name, message.field):
            field.type_name = field.type_name.replace(".v1alpha.", ".v1.")
    for method in found.service[0].method:
        method.input_type = method.input_type.replace(".v1alpha.", ".v1.")
        method.output_type = method.output_type.replace(".v1alpha.", ".v1.")
    return found


def _flag_files() -> descriptor_pb2.FileDescriptorProto:
    """Messages of files that flags name and the wheel lacks, field by field as TensorFlow Serving numbers them."""
    file = descriptor_pb2.FileDescriptorProto(
        name="tfmodel/flag_files.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto"],
    )
    for name, fields in FLAG_FILES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            _add_field(message, field, number, kind)
    return file


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    found = descriptor_pb2.FieldDescriptorProto
    repeated, _, type_name = kind.rpartition(" ")
    label = found.LABEL_REPEATED if repeated else found.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if type_name.startswith("."):
        field.type, field.type_name = found.TYPE_MESSAGE, type_name
    else:
        field.type = getattr(found, f"TYPE_{type_name.upper()}")


def _collect(descriptor: FileDescriptor, found: dict[str, FileDescriptor]) -> None:
    for imported in descriptor.dependencies:
        _collect(imported, found)
    found.setdefault(descriptor.name, descriptor)


def files() -> dict[Path, bytes]:
    """The generated file and what it holds."""
    return {TARGET: descriptor_set()}
