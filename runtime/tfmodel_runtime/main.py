"""`tfmodel serve`: puts the parts together and runs them. What is made here is made nowhere else."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry

from tfmodel_runtime import replay
from tfmodel_runtime.batching import parameters
from tfmodel_runtime.batching.batching import Batching
from tfmodel_runtime.codec import tensor_proto
from tfmodel_runtime.engine import capi
from tfmodel_runtime.engine.cores import cores
from tfmodel_runtime.engine.loader import EngineLoader, Options, Prepare, generate
from tfmodel_runtime.engine.measuring import measure
from tfmodel_runtime.engine.modes import Mode
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE
from tfmodel_runtime.errors import InvalidInputError, LoadError
from tfmodel_runtime.flags import Flags, parse
from tfmodel_runtime.grpc.dispatch import Service
from tfmodel_runtime.grpc.inference_service import InferenceService
from tfmodel_runtime.grpc.model_service import ModelService
from tfmodel_runtime.grpc.prediction_service import PredictionService
from tfmodel_runtime.grpc.server import GrpcServer
from tfmodel_runtime.handler.following import HandlerFile
from tfmodel_runtime.handler.service import HandlerService, one_signature_wanted
from tfmodel_runtime.lifecycle import Follower, Lifecycle, Parts
from tfmodel_runtime.lifecycle_state import Readiness
from tfmodel_runtime.observability import logs, tfserving
from tfmodel_runtime.observability.metrics import Metrics
from tfmodel_runtime.open_inference import OpenInference
from tfmodel_runtime.predict import Predictor
from tfmodel_runtime.rest.api_v1 import ApiV1
from tfmodel_runtime.rest.api_v2 import ApiV2
from tfmodel_runtime.rest.app import AdminApp, Operations, RestApp
from tfmodel_runtime.rest.connection import Limits
from tfmodel_runtime.rest.express import Express
from tfmodel_runtime.rest.gate import OPERATIONS, Application, Gate, Rules
from tfmodel_runtime.rest.server import RestServer
from tfmodel_runtime.security import tls
from tfmodel_runtime.security.follow import follow
from tfmodel_runtime.security.tls import Certificates
from tfmodel_runtime.security.tokens import Tokens
from tfmodel_runtime.security.tokens import read as read_tokens
from tfmodel_runtime.servables.config_file import ConfigFile
from tfmodel_runtime.servables.loading import Loading, Retries
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.servables.optimizing import Optimizing, Settings
from tfmodel_runtime.servables.servable import ModelConfig
from tfmodel_runtime.servables.sources import DirectorySource
from tfmodel_runtime.statuses import Code

_log = logging.getLogger(__name__)
_MICROS = 1_000_000
_ADMIN_CONNECTIONS = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until it is told to stop; the exit code of the process."""
    logs.set_up("info")
    flags = parse(sys.argv[1:] if arguments is None else arguments)
    logs.set_up(flags.log_level)
    try:
        uvloop.run(serve(flags))
    except (OSError, RuntimeError, UnicodeDecodeError, InvalidInputError, capi.TensorFlowMissingError) as error:
        _log.critical("cannot serve: %s", error)
        return 1
    return 0


async def serve(flags: Flags) -> None:
    """Serves what the flags name until SIGTERM or SIGINT.

    Raises:
        OSError, RuntimeError: a port cannot be opened, or a part of the server ended by itself.
        InvalidInputError: a file that a flag names is not what it should be.
    """
    if flags.optimize is Mode.XLA:
        capi.let_xla_compile()
    metrics = Metrics(CollectorRegistry(), version=version("tfmodel"), tensorflow_version=capi.version())
    file = _config_file(flags)
    batching = _batching(flags, metrics)
    manager = _manager(flags, file.read() if file else [_one_model(flags)], metrics, batching)
    predictor = Predictor(
        manager,
        metrics,
        threads=flags.predict_threads,
        most_waiting=flags.max_requests_in_flight,
        batching=batching,
    )
    readiness = Readiness(manager)
    api = ApiV1(
        manager,
        predictor,
        readiness,
        timeout_seconds=flags.rest_api_timeout_in_ms / 1000,
        most_body_bytes=flags.rest_max_body_bytes,
    )
    monitoring_path = _monitoring_path(flags)
    shown = Operations(readiness, metrics, partial(_pages, manager, monitoring_path), tfserving_path=monitoring_path)
    inference = OpenInference(manager, predictor, readiness, version=version("tfmodel"))
    api_v2 = ApiV2(
        inference, timeout_seconds=flags.rest_api_timeout_in_ms / 1000, most_body_bytes=flags.rest_max_body_bytes
    )
    security = _security(flags)
    followers: list[Follower] = [*security.followers, *([lambda: file.follow(manager)] if file else [])]
    app = RestApp(api, api_v2, shown, _handle(flags, predictor, metrics, readiness, followers))
    services = [*_tfserving(flags, manager, predictor, metrics), InferenceService(inference)]
    told = Operations(readiness, metrics, partial(_pages, None, monitoring_path), tfserving_path=monitoring_path)
    admin = AdminApp(api, told)
    parts = Parts(
        manager,
        predictor,
        readiness,
        _rest(flags, app, security, monitoring_path, _express(flags, predictor, readiness, security)),
        RestServer(admin, Limits(connections=_ADMIN_CONNECTIONS)) if flags.admin_port else None,
        _grpc(flags, security, services),
        followers,
    )
    await Lifecycle(flags, parts).run()


def _pages(manager: Manager | None, monitoring_path: str | None) -> Application:
    """What answers people, made when the first one comes: the framework takes longer to import than a model to load."""
    from tfmodel_runtime.rest.pages import pages  # noqa: PLC0415 - see above

    known = ["/healthz", "/readyz", "/metrics", *([monitoring_path] if monitoring_path else [])]
    return pages(known, manager)


def _handle(
    flags: Flags, predictor: Predictor, metrics: Metrics, readiness: Readiness, followers: list[Follower]
) -> Application | None:
    """What answers with the user's handler; None if there is none."""
    if flags.handler is None:
        return None
    from tfmodel_runtime.rest.handle import Handle  # noqa: PLC0415 - the parser of forms only where there is a handler

    timeout = flags.rest_api_timeout_in_ms / 1000
    service = HandlerService(
        flags.model_name,
        predictor,
        metrics,
        timeout_seconds=timeout,
        threads=flags.handler_threads,
        most_waiting=flags.max_requests_in_flight,
    )
    readiness.objections.append(service.objection)
    readiness.hangs.append(service.hang)
    model = (flags.model_name, str(flags.model_base_path))
    followers.append(HandlerFile(flags.handler, service, metrics, model=model).follow)
    return Handle(service, readiness, most_body_bytes=flags.rest_max_body_bytes)


@dataclass(frozen=True, slots=True)
class _Security:
    certificates: Certificates | None
    tokens: Tokens | None
    followers: Sequence[Follower]


def _security(flags: Flags) -> _Security:
    """Certificates and tokens as the flags name them, and what follows their files.

    Raises:
        OSError: a file cannot be read.
        InvalidInputError: one is not what it should be.
    """
    certificates, tokens = None, None
    followers: list[Follower] = []
    files = _tls_files(flags)
    if files is not None:
        material = files.read()
        certificates = Certificates(material)
        followers.append(partial(follow, "the certificate", material, files.read, certificates.use))
    if flags.auth_token_file is not None:
        read = partial(read_tokens, flags.auth_token_file)
        found = read()
        tokens = Tokens(found)
        followers.append(partial(follow, "the tokens' file", found, read, tokens.use))
    return _Security(certificates, tokens, followers)


def _tls_files(flags: Flags) -> tls.Files | tls.ConfigFile | None:
    if flags.ssl_config_file is not None:
        return tls.ConfigFile(flags.ssl_config_file)
    if flags.tls_cert_file is None or flags.tls_key_file is None:
        return None
    return tls.Files(flags.tls_cert_file, flags.tls_key_file, flags.tls_client_ca_file)


def _express(flags: Flags, predictor: Predictor, readiness: Readiness, security: _Security) -> Express | None:
    """What answers plain predict requests; None where each request must be looked at for a token, or answered with more headers."""
    if security.tokens is not None or flags.rest_api_enable_cors_support:
        return None
    return Express(
        predictor,
        readiness,
        timeout_seconds=flags.rest_api_timeout_in_ms / 1000,
        most_body_bytes=flags.rest_max_body_bytes,
    )


def _rest(
    flags: Flags, app: RestApp, security: _Security, monitoring_path: str | None, express: Express | None
) -> RestServer:
    open_paths = OPERATIONS | {monitoring_path} if monitoring_path else OPERATIONS
    gate = Gate(app, Rules(security.tokens, flags.rest_api_enable_cors_support, open_paths))
    limits = Limits(
        flags.rest_max_header_bytes, flags.rest_header_timeout, flags.rest_body_timeout, flags.rest_max_connections
    )
    context = None if security.certificates is None else security.certificates.context
    return RestServer(gate, limits, context=context, grace_seconds=flags.drain_grace, express=express)


def _config_file(flags: Flags) -> ConfigFile | None:
    if flags.model_config_file is None:
        return None
    return ConfigFile(
        flags.model_config_file,
        poll_seconds=flags.model_config_file_poll_wait_seconds,
        is_managed=flags.managed_store,
    )


def _one_model(flags: Flags) -> ModelConfig:
    source = DirectorySource(flags.model_base_path or Path(), is_managed=flags.managed_store)
    return ModelConfig(flags.model_name, source, flags.model_version_policy, flags.version_labels)


def _batching(flags: Flags, metrics: Metrics) -> Batching | None:
    """How requests are batched; None if they are not.

    Raises:
        OSError: the file of parameters cannot be read.
        InvalidInputError: it holds none.
    """
    if not flags.enable_batching:
        return None
    file = flags.batching_parameters_file
    shared = parameters.parse(file.read_text() if file else flags.batching_parameters)
    return Batching(shared, reads_versions=flags.enable_per_model_batching_parameters, observer=metrics)


def _prepare(flags: Flags, batching: Batching | None) -> Prepare:
    """What happens to a loaded version before it is available."""

    def prepare(model: SavedModel, path: Path) -> None:
        if flags.handler is not None and len(model.signatures) != 1 and DEFAULT_SIGNATURE not in model.signatures:
            raise LoadError(str(path), one_signature_wanted(len(model.signatures)), Code.FAILED_PRECONDITION)
        if batching is not None:
            batching.admit(model, path)
        if flags.enable_model_warmup and not replay.warm_up(
            model, path, iterations=flags.num_request_iterations_for_warmup
        ):
            generate(model, path, (batching.allowed_rows(model) if batching else ()) or (1,))
        if flags.enable_model_warmup:
            measure(model)

    return prepare


def _manager(flags: Flags, models: Sequence[ModelConfig], metrics: Metrics, batching: Batching | None) -> Manager:
    options = Options(
        is_managed=flags.managed_store,
        tags=flags.saved_model_tags,
        intra_op_threads=flags.tensorflow_intra_op_parallelism or 1,
        inter_op_threads=flags.tensorflow_inter_op_parallelism or max(2, cores()),
        keeps_samples=flags.optimize is not Mode.NONE and flags.enable_model_warmup,
    )
    loader = EngineLoader(options, prepare=_prepare(flags, batching))
    retries = Retries(flags.max_num_load_retries, flags.load_retry_interval_micros / _MICROS)
    loading = Loading(retries, flags.num_load_threads, optimizing=_optimizing(flags, options))
    return Manager(models, loader, metrics, loading, poll_seconds=flags.file_system_poll_wait_seconds)


def _optimizing(flags: Flags, options: Options) -> Optimizing | None:
    """What optimises versions; None where that is not wanted, or where no request may be made up to compare answers with."""
    if not options.keeps_samples:
        return None
    threads = (options.intra_op_threads, options.inter_op_threads)
    return Optimizing(Settings(flags.optimize, options.tags, *threads))


def _tfserving(flags: Flags, manager: Manager, predictor: Predictor, metrics: Metrics) -> Sequence[Service]:
    """TensorFlow Serving's gRPC services."""
    encode = tensor_proto.encode_content if flags.enable_serialization_as_tensor_content else tensor_proto.encode
    return (
        PredictionService(manager, predictor, encode),
        ModelService(
            manager,
            metrics,
            allows_early_labels=flags.allow_version_labels_for_unavailable_models,
            is_managed=flags.managed_store,
        ),
    )


def _grpc(flags: Flags, security: _Security, services: Sequence[Service]) -> GrpcServer:
    return GrpcServer(
        services,
        most_message_bytes=flags.grpc_max_message_bytes,
        arguments=flags.grpc_channel_arguments,
        certificates=security.certificates,
        tokens=security.tokens,
    )


def _monitoring_path(flags: Flags) -> str | None:
    """Where TensorFlow Serving's own metrics are asked for; None if they are not.

    Raises:
        OSError: the file cannot be read.
        InvalidInputError: it is no MonitoringConfig.
    """
    if flags.monitoring_config_file is None:
        return None
    return tfserving.path_of(flags.monitoring_config_file.read_text())


if __name__ == "__main__":
    sys.exit(main())
