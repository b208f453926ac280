"""What `spec.serving` means to the runtime: its flags. `tfmodel run` passes the same."""

import math

from tfmodel.api.quantities import parse_duration, parse_quantity
from tfmodel.api.runtime_options import Batching, Drain, Limits
from tfmodel.api.serving import Serving
from tfmodel.api.v1alpha1 import TFModel

_MICROS = 1_000_000


def runtime_flags(model: TFModel, *, version_policy: str) -> list[str]:
    """The flags that say what is served and how. `version_policy` is latest:N, all, or specific:1,3."""
    serving = model.spec.serving
    flags = [f"--model_name={model.name}", "--managed_store", f"--model_version_policy={version_policy}"]
    if serving.version_labels:
        labels = ",".join(f"{label}:{version}" for label, version in sorted(serving.version_labels.items()))
        flags.append(f"--version_labels={labels}")
    if serving.batching is not None:
        flags += ["--enable_batching", f"--batching_parameters={_parameters(serving.batching)}"]
    if serving.optimize != Serving.model_fields["optimize"].default:
        flags.append(f"--optimize={serving.optimize}")
    if serving.processes > 1:
        flags.append(f"--processes={serving.processes}")
    if serving.warmup is not None:
        flags += [
            f"--enable_model_warmup={str(serving.warmup.enabled).lower()}",
            f"--num_request_iterations_for_warmup={serving.warmup.iterations}",
        ]
    if serving.reload is not None:
        flags += [
            f"--file_system_poll_wait_seconds={parse_duration(serving.reload.poll_interval):g}",
            f"--max_num_load_retries={serving.reload.max_load_retries}",
            f"--load_retry_interval_micros={int(parse_duration(serving.reload.load_retry_interval) * _MICROS)}",
        ]
    if serving.limits is not None:
        flags += _limits(serving.limits)
    return flags


def _limits(limits: Limits) -> list[str]:
    size = math.ceil(parse_quantity(limits.max_body_bytes))
    return [
        f"--rest_max_body_bytes={size}",
        f"--grpc_max_message_bytes={size}",
        f"--max_requests_in_flight={limits.max_requests_in_flight}",
        f"--rest_api_timeout_in_ms={round(parse_duration(limits.request_timeout) * 1000)}",
    ]


def drain_of(model: TFModel) -> Drain:
    """How the pods of a model end."""
    return model.spec.serving.drain or Drain()


def _parameters(batching: Batching) -> str:
    """BatchingParameters in text format."""
    wrapped = {
        "max_batch_size": batching.max_batch_size,
        "batch_timeout_micros": int(parse_duration(batching.batch_timeout) * _MICROS),
        "max_enqueued_batches": batching.max_enqueued_batches,
        "num_batch_threads": batching.num_batch_threads,
        "enable_large_batch_splitting": "true" if batching.enable_large_batch_splitting else None,
    }
    parts = [f"{field} {{ value: {value} }}" for field, value in wrapped.items() if value is not None]
    parts += [f"allowed_batch_sizes: {rows}" for rows in batching.allowed_batch_sizes or ()]
    if batching.pad_variable_length_inputs:
        parts.append("pad_variable_length_inputs: true")
    return " ".join(parts)
