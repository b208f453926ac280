"""`tfmodel serve`: puts the parts together and runs them. What is made here is made nowhere else."""

import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version

import uvloop
from prometheus_client import CollectorRegistry

from tfmodel_runtime.engine import capi
from tfmodel_runtime.engine.loader import EngineLoader
from tfmodel_runtime.flags import Flags, parse
from tfmodel_runtime.lifecycle import Lifecycle
from tfmodel_runtime.lifecycle_state import Readiness
from tfmodel_runtime.observability import logs
from tfmodel_runtime.observability.metrics import Metrics
from tfmodel_runtime.predict import Predictor
from tfmodel_runtime.rest.api_v1 import ApiV1
from tfmodel_runtime.rest.app import RestApp, operations
from tfmodel_runtime.servables.manager import Manager, ModelConfig, Retries
from tfmodel_runtime.servables.sources import DirectorySource

_log = logging.getLogger(__name__)
_MICROS = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until it is told to stop; the exit code of the process."""
    flags = parse(sys.argv[1:] if arguments is None else arguments)
    logs.set_up(flags.log_level)
    try:
        uvloop.run(serve(flags))
    except (OSError, RuntimeError, capi.TensorFlowMissingError) as error:
        _log.critical("cannot serve: %s", error)
        return 1
    return 0


async def serve(flags: Flags) -> None:
    """Serves what the flags name until SIGTERM or SIGINT."""
    metrics = Metrics(CollectorRegistry(), version=version("tfmodel"), tensorflow_version=capi.version())
    manager = _manager(flags, metrics)
    predictor = Predictor(manager, metrics, threads=flags.predict_threads, most_waiting=flags.max_requests_in_flight)
    readiness = Readiness(manager)
    api = ApiV1(
        manager,
        predictor,
        timeout_seconds=flags.rest_api_timeout_in_ms / 1000,
        most_body_bytes=flags.rest_max_body_bytes,
    )
    app = RestApp(api, operations(readiness, metrics))
    await Lifecycle(flags, manager, predictor, readiness, api, app).run()


def _manager(flags: Flags, metrics: Metrics) -> Manager:
    source = DirectorySource(flags.model_base_path, is_managed=flags.managed_store)
    loader = EngineLoader(
        is_managed=flags.managed_store,
        intra_op_threads=flags.tensorflow_intra_op_parallelism,
        inter_op_threads=flags.tensorflow_inter_op_parallelism,
    )
    return Manager(
        [ModelConfig(flags.model_name, source, flags.model_version_policy)],
        loader,
        metrics,
        retries=Retries(flags.max_num_load_retries, flags.load_retry_interval_micros / _MICROS),
        poll_seconds=flags.file_system_poll_wait_seconds,
    )


if __name__ == "__main__":
    sys.exit(main())
