"""The runtime's flags, each once, with TensorFlow Serving's names and defaults where it has them.

Dashes work as well as underscores. A flag of TensorFlow Serving that this server cannot honour yet is refused by name: a flag
that is taken and ignored would be a promise that is not kept.
"""

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfmodel_runtime.servables import policy

NOT_HONOURED = frozenset(
    {
        "grpc_socket_path", "rest_api_num_threads", "rest_api_enable_cors_support", "model_config_file",
        "model_config_file_poll_wait_seconds", "enable_batching", "batching_parameters_file",
        "enable_per_model_batching_parameters", "allow_version_labels_for_unavailable_models", "num_load_threads",
        "num_unload_threads", "flush_filesystem_caches", "tensorflow_session_parallelism",
        "tensorflow_session_config_file", "platform_config_file", "ssl_config_file", "use_alts_credentials",
        "saved_model_tags", "grpc_channel_arguments", "grpc_max_threads", "enable_model_warmup",
        "num_request_iterations_for_warmup", "monitoring_config_file", "per_process_gpu_memory_fraction",
        "remove_unused_fields_from_bundle_metagraph", "prefer_tflite_model", "num_tflite_pools",
        "num_tflite_interpreters_per_pool", "enable_signature_method_name_check", "xla_cpu_compilation_enabled",
        "xla_gpu_compilation_enabled", "enable_profiler", "thread_pool_factory_config_file", "mixed_precision",
        "enable_grpc_healthcheck_service", "enable_serialization_as_tensor_content", "skip_initialize_tpu",
    }
)  # fmt: skip
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|)")


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says."""

    model_name: str
    model_base_path: Path
    port: int
    rest_api_port: int
    bind_address: str
    managed_store: bool
    model_version_policy: policy.VersionPolicy
    file_system_poll_wait_seconds: float
    max_num_load_retries: int
    load_retry_interval_micros: int
    rest_api_timeout_in_ms: int
    tensorflow_intra_op_parallelism: int
    tensorflow_inter_op_parallelism: int
    grpc_max_message_bytes: int
    rest_max_body_bytes: int
    predict_threads: int
    max_requests_in_flight: int
    drain_delay: float
    drain_grace: float
    log_level: str


def seconds(text: str) -> float:
    """The seconds that a duration such as 500ms, 5s or 1m means.

    Raises:
        ValueError: it is no duration.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"expected a duration such as 500ms, 5s or 1m, got {text!r}")
    return float(found[1]) * _UNITS[found[2]]


def parse(arguments: Sequence[str]) -> Flags:
    """The flags in the arguments. Ends the process with code 2 and a sentence if one is unknown, wrong or not honoured."""
    parser = _parser()
    found, unknown = parser.parse_known_args([_underscored(argument) for argument in arguments])
    for argument in unknown:
        name = argument.lstrip("-").partition("=")[0]
        if name in NOT_HONOURED:
            parser.error(f"--{name} is a flag of TensorFlow Serving that this server does not honour yet: remove it")
        parser.error(f"unknown flag {argument}: see --help")
    return Flags(**vars(found))


def _underscored(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, sign, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{sign}{value}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "tfmodel serve", description="Serves the versions of a SavedModel over REST and gRPC.", allow_abbrev=False
    )
    add = parser.add_argument
    add("--model_name", default="default", help="name that clients use (default)")
    add("--model_base_path", type=Path, required=True, help="folder that holds the version folders")
    add("--port", type=int, default=8500, help="gRPC port (8500); 0 lets the system choose")
    add("--rest_api_port", type=int, default=8501, help="REST port (8501); 0 lets the system choose")
    add("--bind_address", default="0.0.0.0", help="address that both ports listen on (0.0.0.0)")  # noqa: S104
    add("--managed_store", action="store_true", help="load only versions that carry the mark of a complete one")
    add(
        "--model_version_policy",
        type=_policy,
        default=policy.Latest(),
        help="latest:N, all, or specific:N,N (latest:1)",
    )
    add("--file_system_poll_wait_seconds", type=float, default=1.0, help="seconds between looks at the folder (1)")
    add("--max_num_load_retries", type=int, default=5, help="how often a failed load is tried again (5)")
    add("--load_retry_interval_micros", type=int, default=60_000_000, help="microseconds between tries (60000000)")
    add("--rest_api_timeout_in_ms", type=int, default=30_000, help="longest time of a REST request (30000)")
    add(
        "--tensorflow_intra_op_parallelism", type=int, default=0, help="threads inside an op; 0 leaves it to TensorFlow"
    )
    add("--tensorflow_inter_op_parallelism", type=int, default=0, help="threads across ops; 0 leaves it to TensorFlow")
    add("--grpc_max_message_bytes", type=int, default=128 * 2**20, help="largest gRPC message (128 MiB)")
    add("--rest_max_body_bytes", type=int, default=128 * 2**20, help="largest REST body (128 MiB)")
    add("--predict_threads", type=int, default=_cores(), help="threads that run the model (the cores)")
    add("--max_requests_in_flight", type=int, default=1024, help="more requests are refused at once (1024)")
    add("--drain_delay", type=_seconds, default=5.0, help="time between SIGTERM and closing the ports (5s)")
    add("--drain_grace", type=_seconds, default=30.0, help="time for requests in flight after that (30s)")
    add("--log_level", choices=("debug", "info", "warning", "error"), default="info", help="least level of logs (info)")
    return parser


def _policy(text: str) -> policy.VersionPolicy:
    try:
        return policy.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _seconds(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _cores() -> int:
    return max(1, len(os.sched_getaffinity(0)))
