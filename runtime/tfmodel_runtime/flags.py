"""The runtime's flags, each once, with TensorFlow Serving's names and defaults where it has them.

Dashes work as well as underscores. A flag of TensorFlow Serving that this server cannot honour yet is refused by name: a flag
that is taken and ignored would be a promise that is not kept.
"""

import argparse
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmodel_runtime.engine import capi, opening
from tfmodel_runtime.engine.cores import cores
from tfmodel_runtime.engine.modes import TENSORRT, Mode
from tfmodel_runtime.servables import policy

_log = logging.getLogger(__name__)
NOT_HONOURED = frozenset(
    {
        "tensorflow_session_config_file", "platform_config_file", "use_alts_credentials", "per_process_gpu_memory_fraction", "prefer_tflite_model",
        "num_tflite_pools", "num_tflite_interpreters_per_pool", "enable_signature_method_name_check",
        "xla_cpu_compilation_enabled", "xla_gpu_compilation_enabled", "thread_pool_factory_config_file",
        "mixed_precision",
    }
)  # fmt: skip
WITHOUT_EFFECT = {
    "rest_api_num_threads": "one event loop answers; --predict_threads bounds what runs at once",
    "grpc_max_threads": "one event loop answers; --predict_threads bounds what runs at once",
    "num_unload_threads": "each unload has a thread of its own",
    "flush_filesystem_caches": "the system gives up its file caches by itself",
    "remove_unused_fields_from_bundle_metagraph": "only the signatures of a graph are kept anyway",
    "enable_profiler": "there is no profiler service",
    "enable_grpc_healthcheck_service": "the health service is always there",
    "skip_initialize_tpu": "there is no TPU support",
}
WHY_NO_TENSORRT = "TensorFlow has had no TensorRT since 2.18, on any node; use Graph, or XLA"
_MOST_PROCESSES = 16
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|)")


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says."""

    model_name: str
    model_base_path: Path | None
    model_config_file: Path | None
    model_config_file_poll_wait_seconds: float
    allow_version_labels_for_unavailable_models: bool
    port: int
    rest_api_port: int
    admin_port: int
    bind_address: str
    grpc_socket_path: str
    rest_api_enable_cors_support: bool
    ssl_config_file: Path | None
    tls_cert_file: Path | None
    tls_key_file: Path | None
    tls_client_ca_file: Path | None
    auth_token_file: Path | None
    managed_store: bool
    model_version_policy: policy.VersionPolicy
    file_system_poll_wait_seconds: float
    max_num_load_retries: int
    load_retry_interval_micros: int
    num_load_threads: int
    version_labels: Mapping[str, int]
    saved_model_tags: tuple[str, ...]
    enable_model_warmup: bool
    num_request_iterations_for_warmup: int
    rest_api_timeout_in_ms: int
    tensorflow_intra_op_parallelism: int
    tensorflow_inter_op_parallelism: int
    optimize: Mode
    handler: Path | None
    handler_threads: int
    enable_batching: bool
    batching_parameters_file: Path | None
    batching_parameters: str
    enable_per_model_batching_parameters: bool
    monitoring_config_file: Path | None
    enable_serialization_as_tensor_content: bool
    grpc_channel_arguments: tuple[tuple[str, str | int], ...]
    grpc_max_message_bytes: int
    rest_max_body_bytes: int
    rest_max_header_bytes: int
    rest_max_connections: int
    rest_header_timeout: float
    rest_body_timeout: float
    predict_threads: int
    max_requests_in_flight: int
    processes: int
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
        _judge(argument, parser)
    _check(found, parser)
    share = cores(processes=found.processes)
    found.predict_threads = share if found.predict_threads is None else found.predict_threads
    found.handler_threads = 2 * share if found.handler_threads is None else found.handler_threads
    session = found.__dict__.pop("tensorflow_session_parallelism")
    if session:
        found.tensorflow_intra_op_parallelism = found.tensorflow_inter_op_parallelism = session
    return Flags(**vars(found))


def _judge(argument: str, parser: argparse.ArgumentParser) -> None:
    """What is not a flag here: refused, or named in the log if what it asks for is so anyway."""
    name = argument.lstrip("-").partition("=")[0]
    if name in WITHOUT_EFFECT:
        _log.warning("--%s has no effect: %s", name, WITHOUT_EFFECT[name])
        return
    if name in NOT_HONOURED:
        parser.error(f"--{name} is a flag of TensorFlow Serving that this server does not honour yet: remove it")
    parser.error(f"unknown flag {argument}: see --help")


def _check(found: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    if not found.model_base_path and not found.model_config_file:
        parser.error("--model_base_path or --model_config_file is needed")
    if found.file_system_poll_wait_seconds < 0:
        parser.error("--file_system_poll_wait_seconds must not be negative: 0 looks once")
    if found.handler and found.model_config_file:
        parser.error("--handler belongs to one model: it excludes --model_config_file")
    if found.batching_parameters_file and not found.enable_batching:
        parser.error("--batching_parameters_file needs --enable_batching")
    if found.grpc_socket_path and found.processes > 1:
        parser.error("--grpc_socket_path needs --processes=1: processes cannot share such a socket")
    if bool(found.tls_cert_file) != bool(found.tls_key_file):
        parser.error("--tls_cert_file and --tls_key_file need each other")
    if found.tls_client_ca_file and not found.tls_cert_file:
        parser.error("--tls_client_ca_file needs --tls_cert_file and --tls_key_file")
    if found.ssl_config_file and found.tls_cert_file:
        parser.error("--ssl_config_file excludes --tls_cert_file: one of them names the certificate")
    parts = (found.tensorflow_intra_op_parallelism, found.tensorflow_inter_op_parallelism)
    if found.tensorflow_session_parallelism and any(parts):
        parser.error(
            "--tensorflow_session_parallelism excludes --tensorflow_intra_op_parallelism and "
            "--tensorflow_inter_op_parallelism"
        )


class _Version(argparse.Action):
    """Prints what runs here, and ends the process well; TensorFlow's library is asked only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib import metadata  # noqa: PLC0415 - a start needs it later, when it costs no time

        try:
            tensorflow = capi.version()
        except opening.TensorFlowMissingError as error:
            parser.exit(1, f"{error}\n")
        sys.stdout.write(f"tfmodel {metadata.version('tfmodel')}, TensorFlow {tensorflow}\n")
        parser.exit()


def _underscored(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, sign, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{sign}{value}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "tfmodel serve", description="Serves the versions of a SavedModel over REST and gRPC.", allow_abbrev=False
    )
    groups = (_add_models, _add_loading, _add_ports, _add_security, _add_limits)
    for group in (*groups, _add_batching, _add_tensorflow, _add_process):
        group(parser)
    return parser


def _add_models(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("models").add_argument
    add("--model_name", default="default", help="name that clients use (default)")
    add("--model_base_path", type=Path, help="folder that holds the version folders")
    add("--model_config_file", type=Path, help="models to serve, a ModelServerConfig in text format; wins over the two")
    add(
        "--model_config_file_poll_wait_seconds",
        type=float,
        default=0.0,
        help="seconds between looks at that file; 0 reads it once (0)",
    )
    add(
        "--allow_version_labels_for_unavailable_models",
        **_SWITCH,
        help="let HandleReloadConfigRequest assign labels to versions that are not loaded (false)",
    )
    add("--managed_store", action="store_true", help="load only versions that carry the mark of a complete one")
    add(
        "--model_version_policy",
        type=_policy,
        default=policy.Latest(),
        help="latest:N, all, or specific:N,N (latest:1)",
    )
    add("--version_labels", type=_labels, default={}, help="labels of versions, which are loaded for them: name:N,...")
    add("--handler", type=Path, help="Python file with a subclass of tfmodel.serving.TfServingBaseService, for POST /")
    add("--handler_threads", type=int, help="requests in the handler at the same time (2 a core)")
    add("--saved_model_tags", type=_tags, default=("serve",), help="tags of the graph, by commas (serve)")


def _add_loading(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("loading").add_argument
    add("--file_system_poll_wait_seconds", type=float, default=1.0, help="seconds between looks at the folder (1)")
    add("--max_num_load_retries", type=int, default=5, help="how often a failed load is tried again (5)")
    add("--load_retry_interval_micros", type=int, default=60_000_000, help="microseconds between tries (60000000)")
    add("--num_load_threads", type=int, default=0, help="loads at the same time; 0: as many as cores (0)")
    add("--enable_model_warmup", **{**_SWITCH, "default": True}, help="warm up before a version is available (true)")
    add(
        "--num_request_iterations_for_warmup",
        type=int,
        default=0,
        help="how often each warm-up request is sent; 0: once",
    )


def _add_ports(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("ports").add_argument
    add("--port", type=int, default=8500, help="gRPC port (8500); 0 lets the system choose")
    add("--rest_api_port", type=int, default=8501, help="REST port (8501); 0 lets the system choose")
    add("--admin_port", type=int, default=0, help="port of health, metrics and status, always plain HTTP; 0: none (0)")
    add("--bind_address", default="0.0.0.0", help="address that all ports listen on (0.0.0.0); :: takes IPv4 too")  # noqa: S104
    add("--grpc_socket_path", default="", help="a Unix socket on which gRPC is answered too")
    add("--rest_api_enable_cors_support", **_SWITCH, help="let pages of all origins ask (false)")
    add(
        "--grpc_channel_arguments",
        type=_arguments,
        default=(),
        help="bounds of the gRPC server by gRPC's names, name=value,...; unknown ones are refused",
    )
    add(
        "--enable_serialization_as_tensor_content",
        **_SWITCH,
        help="answer gRPC in tensor_content, not in typed fields (false)",
    )


def _add_security(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("security").add_argument
    add("--ssl_config_file", type=Path, help="an SSLConfig in text format; secures both ports")
    add("--tls_cert_file", type=Path, help="certificate chain of both ports, PEM; read again when it changes")
    add("--tls_key_file", type=Path, help="its key, PEM, not encrypted")
    add("--tls_client_ca_file", type=Path, help="authorities, PEM: clients must show a certificate of one of them")
    add("--auth_token_file", type=Path, help="tokens, one a line: clients must show one (Authorization: Bearer)")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("limits").add_argument
    add("--rest_api_timeout_in_ms", type=int, default=30_000, help="longest time of a REST request (30000)")
    add("--grpc_max_message_bytes", type=int, default=128 * 2**20, help="largest gRPC message (128 MiB)")
    add("--rest_max_body_bytes", type=int, default=128 * 2**20, help="largest REST body (128 MiB)")
    add("--rest_max_header_bytes", type=int, default=64 * 2**10, help="largest headers of a REST request (64 KiB)")
    add("--rest_max_connections", type=int, default=4096, help="more REST connections get 503; 0: no limit (4096)")
    add("--rest_header_timeout", type=_seconds, default=10.0, help="time for a REST request's headers (10s)")
    add("--rest_body_timeout", type=_seconds, default=60.0, help="time for a body, and for an answer to be taken (60s)")
    add(
        "--predict_threads",
        type=int,
        help="calls of models that are not light at the same time (the cores)",
    )
    add("--max_requests_in_flight", type=int, default=1024, help="more requests are refused at once (1024)")


def _add_batching(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("batching").add_argument
    add("--enable_batching", **_SWITCH, help="run requests that wait together (false)")
    add("--batching_parameters_file", type=Path, help="BatchingParameters in text format")
    add("--batching_parameters", default="", help="the same, as the value of the flag; the file wins")
    add(
        "--enable_per_model_batching_parameters",
        **_SWITCH,
        help="batch only versions that hold a batching_params.pbtxt, each with its own (false)",
    )


def _add_tensorflow(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("TensorFlow").add_argument
    add("--tensorflow_session_parallelism", type=int, default=0, help="both of the next two")
    add(
        "--tensorflow_intra_op_parallelism",
        type=int,
        default=0,
        help="threads inside an op; 0: one, since as many calls as cores run at once (0)",
    )
    add("--tensorflow_inter_op_parallelism", type=int, default=0, help="threads across ops; 0: as many as cores (0)")
    add("--optimize", type=_mode, default=Mode.GRAPH, help="None, Graph or XLA: how far models are optimised (Graph)")


def _add_process(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("process").add_argument
    add(
        "--monitoring_config_file",
        type=Path,
        help="a MonitoringConfig: TensorFlow Serving's own metrics, and their path",
    )
    add(
        "--processes",
        type=_processes,
        default=1,
        help="processes that serve on the same ports, 1 to 16; limits and threads hold for each, and the cores are shared out (1)",
    )
    add("--drain_delay", type=_seconds, default=5.0, help="time between SIGTERM and closing the ports (5s)")
    add("--drain_grace", type=_seconds, default=30.0, help="time for requests in flight after that (30s)")
    add("--version", action=_Version, nargs=0, default=argparse.SUPPRESS, help="print the versions and end")
    add("--log_level", choices=("debug", "info", "warning", "error"), default="info", help="least level of logs (info)")


def _processes(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= _MOST_PROCESSES):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {_MOST_PROCESSES}, got {text!r}")
    return int(text)


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


def _switch(text: str) -> bool:
    """A boolean as TensorFlow's flag parser reads it."""
    found = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"expected true or false, got {text!r}")
    return found


_SWITCH: dict[str, Any] = {"type": _switch, "nargs": "?", "const": True, "default": False}


def _labels(text: str) -> dict[str, int]:
    """name:N,name:N."""
    found: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        name, _, version = part.rpartition(":")
        if not name or not version.isdecimal():
            raise argparse.ArgumentTypeError(f"expected name:version, got {part!r}")
        found[name] = int(version)
    return found


def _mode(text: str) -> Mode:
    if text == TENSORRT:
        raise argparse.ArgumentTypeError(f"TensorRT cannot be had: {WHY_NO_TENSORRT}")
    try:
        return Mode(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected None, Graph or XLA, got {text!r}") from error


def _tags(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _arguments(text: str) -> tuple[tuple[str, str | int], ...]:
    """name=value,name=value; a value that is a whole number is one (model_servers/server.cc)."""
    found: list[tuple[str, str | int]] = []
    for part in filter(None, text.split(",")):
        name, sign, value = part.partition("=")
        if not sign:
            raise argparse.ArgumentTypeError(f"expected name=value, got {part!r}")
        found.append((name, int(value) if value.lstrip("-").isdecimal() else value))
    return tuple(found)
