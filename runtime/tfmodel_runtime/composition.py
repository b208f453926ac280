"""Puts the parts of the server together and runs them. What is made here is made nowhere else."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version

import uvloop
from prometheus_client import CollectorRegistry

from tfmodel_runtime import models
from tfmodel_runtime.batching import parameters
from tfmodel_runtime.batching.batching import Batching
from tfmodel_runtime.codec import tensor_proto
from tfmodel_runtime.engine import capi, opening
from tfmodel_runtime.engine.cores import cores
from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.flags import Flags
from tfmodel_runtime.grpc.dispatch import Service
from tfmodel_runtime.grpc.inference_service import InferenceService
from tfmodel_runtime.grpc.model_service import ModelService
from tfmodel_runtime.grpc.prediction_service import PredictionService
from tfmodel_runtime.grpc.server import GrpcServer
from tfmodel_runtime.handler.following import HandlerFile
from tfmodel_runtime.handler.service import HandlerService
from tfmodel_runtime.lifecycle import Follower, Lifecycle, Parts
from tfmodel_runtime.lifecycle_state import Readiness
from tfmodel_runtime.observability import logs, tfserving
from tfmodel_runtime.observability.metrics import Metrics
from tfmodel_runtime.open_inference import OpenInference
from tfmodel_runtime.predict import Predictor
from tfmodel_runtime.processes.board import Area, Board
from tfmodel_runtime.processes.ports import number_of, reserve
from tfmodel_runtime.processes.siblings import Siblings
from tfmodel_runtime.processes.supervisor import Supervisor
from tfmodel_runtime.processes.told import Told
from tfmodel_runtime.rest.api_v1 import ApiV1
from tfmodel_runtime.rest.api_v2 import ApiV2
from tfmodel_runtime.rest.app import AdminApp, Operations, RestApp
from tfmodel_runtime.rest.express import Express
from tfmodel_runtime.rest.gate import OPERATIONS, Application, Gate, Rules
from tfmodel_runtime.rest.guests import Limits
from tfmodel_runtime.rest.server import RestServer
from tfmodel_runtime.security import tls
from tfmodel_runtime.security.follow import follow
from tfmodel_runtime.security.tls import Certificates
from tfmodel_runtime.security.tokens import Tokens
from tfmodel_runtime.security.tokens import read as read_tokens
from tfmodel_runtime.servables.manager import Manager

_log = logging.getLogger(__name__)
_MICROS = 1_000_000
_ADMIN_CONNECTIONS = 64


def run(flags: Flags) -> int:
    """Serves until it is told to stop; the exit code of the process."""
    return _told(lambda: _serve(flags) if flags.processes == 1 else _supervise(flags))


def _told(work: Callable[[], int]) -> int:
    """The exit code of what serves; of what keeps it from serving the log tells in a sentence."""
    try:
        return work()
    except (OSError, RuntimeError, UnicodeDecodeError, InvalidInputError, opening.TensorFlowMissingError) as error:
        _log.critical("cannot serve: %s", error)
        return 1


def _serve(flags: Flags, siblings: Siblings | None = None) -> int:
    uvloop.run(serve(flags, siblings))
    return 0


def _supervise(flags: Flags) -> int:
    """Serves by several processes, each of which begins with what is imported and opened here."""
    _log.info("TensorFlow %s for %d processes", capi.version(), flags.processes)
    board = Board(flags.processes)
    with ExitStack() as held:

        def hold(port: int) -> int:
            return number_of(held.enter_context(reserve(flags.bind_address, port)))

        admin_port = hold(flags.admin_port) if flags.admin_port else 0
        chosen = replace(flags, port=hold(flags.port), rest_api_port=hold(flags.rest_api_port), admin_port=admin_port)

        def work(slot: int, is_first: bool) -> int:
            logs.set_up(flags.log_level, process=slot + 1)
            return _told(lambda: _serve(chosen, Siblings(board, slot, is_first=is_first)))

        return Supervisor(board, work).run()


async def serve(flags: Flags, siblings: Siblings | None = None) -> None:
    """Serves what the flags name until SIGTERM or SIGINT, alone or with others on the same ports.

    Raises:
        OSError, RuntimeError: a port cannot be opened, or a part of the server ended by itself.
        InvalidInputError: a file that a flag names is not what it should be.
    """
    metrics = Metrics(CollectorRegistry(), version=version("tfmodel"), tensorflow_version=capi.version())
    file = models.config_file(flags)
    batching = _batching(flags, metrics)
    manager = models.manager(flags, file, metrics, batching, siblings)
    predictor = _predictor(flags, manager, metrics, batching)
    readiness = Readiness(manager)
    api = ApiV1(
        manager,
        predictor,
        readiness,
        timeout_seconds=flags.rest_api_timeout_in_ms / 1000,
        most_body_bytes=flags.rest_max_body_bytes,
    )
    monitoring_path = _monitoring_path(flags)
    if siblings is not None:
        _join(siblings, manager, readiness, metrics)
    operations = partial(Operations, readiness, metrics, tfserving_path=monitoring_path, siblings=siblings)
    inference = OpenInference(manager, predictor, readiness, version=version("tfmodel"))
    api_v2 = ApiV2(
        inference, timeout_seconds=flags.rest_api_timeout_in_ms / 1000, most_body_bytes=flags.rest_max_body_bytes
    )
    security = _security(flags)
    followers: list[Follower] = [*security.followers, *([lambda: file.follow(manager)] if file else [])]
    app = RestApp(
        api,
        api_v2,
        operations(partial(_pages, manager, monitoring_path)),
        _handle(flags, predictor, metrics, readiness, followers),
    )
    services = [*_tfserving(flags, manager, predictor, metrics), InferenceService(inference)]
    admin = AdminApp(api, operations(partial(_pages, None, monitoring_path)))
    parts = Parts(
        manager,
        predictor,
        readiness,
        _rest(flags, app, security, monitoring_path, _express(flags, predictor, readiness, security)),
        RestServer(admin, Limits(connections=_ADMIN_CONNECTIONS)) if flags.admin_port else None,
        _grpc(flags, security, services),
        followers,
        siblings,
    )
    await Lifecycle(flags, parts).run()


def _predictor(flags: Flags, manager: Manager, metrics: Metrics, batching: Batching | None) -> Predictor:
    return Predictor(
        manager,
        metrics,
        threads=flags.predict_threads,
        most_waiting=flags.max_requests_in_flight,
        batching=batching,
        polls=cores() > 1,
    )


def _join(siblings: Siblings, manager: Manager, readiness: Readiness, metrics: Metrics) -> None:
    """Makes what this process tells of itself known to the others, and what they tell known here."""
    siblings.own = lambda: Told(
        objection=readiness.own_objection(), hang=readiness.own_hang(), versions=manager.own_states()
    )
    siblings.expositions = {Area.METRICS: metrics.exposition, Area.TFSERVING: metrics.tfserving.exposition}
    siblings.on_news = manager.look_again
    readiness.objection_elsewhere = siblings.objection
    readiness.hang_elsewhere = siblings.hang


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
            processes=flags.processes,
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
