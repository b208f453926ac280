"""The models that are served and how they are loaded, as the flags say."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from tfmodel_runtime import replay
from tfmodel_runtime.batching.batching import Batching
from tfmodel_runtime.engine.cores import cores
from tfmodel_runtime.engine.loader import EngineLoader, Options, Prepare, generate
from tfmodel_runtime.engine.measuring import measure
from tfmodel_runtime.engine.modes import Mode
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE
from tfmodel_runtime.errors import LoadError
from tfmodel_runtime.flags import Flags
from tfmodel_runtime.handler.service import one_signature_wanted
from tfmodel_runtime.observability.metrics import Metrics
from tfmodel_runtime.processes.siblings import Siblings
from tfmodel_runtime.servables.config_file import ConfigFile
from tfmodel_runtime.servables.loading import Loading, Retries
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.servables.memory import Room, Turn
from tfmodel_runtime.servables.optimizing import Optimizing, Settings
from tfmodel_runtime.servables.servable import ModelConfig
from tfmodel_runtime.servables.sources import DirectorySource
from tfmodel_runtime.statuses import Code

_MICROS = 1_000_000


def config_file(flags: Flags) -> ConfigFile | None:
    """The file that says which models are served; None if the flags say it themselves."""
    if flags.model_config_file is None:
        return None
    return ConfigFile(
        flags.model_config_file,
        poll_seconds=flags.model_config_file_poll_wait_seconds,
        is_managed=flags.managed_store,
    )


def manager(
    flags: Flags, file: ConfigFile | None, metrics: Metrics, batching: Batching | None, siblings: Siblings | None
) -> Manager:
    """What holds the versions of the models.

    Raises:
        OSError: the file of models cannot be read.
        InvalidInputError: it is not what it should be.
    """
    loader = EngineLoader(_options(flags), prepare=_prepare(flags, batching))
    models: Sequence[ModelConfig] = file.read() if file else [_one_model(flags)]
    return Manager(models, loader, metrics, _loading(flags, siblings), poll_seconds=flags.file_system_poll_wait_seconds)


def _one_model(flags: Flags) -> ModelConfig:
    source = DirectorySource(flags.model_base_path or Path(), is_managed=flags.managed_store)
    return ModelConfig(flags.model_name, source, flags.model_version_policy, flags.version_labels)


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


def _options(flags: Flags) -> Options:
    return Options(
        is_managed=flags.managed_store,
        tags=flags.saved_model_tags,
        intra_op_threads=flags.tensorflow_intra_op_parallelism or 1,
        inter_op_threads=flags.tensorflow_inter_op_parallelism or max(2, cores(processes=flags.processes)),
        keeps_samples=flags.optimize is not Mode.NONE and flags.enable_model_warmup,
    )


def _loading(flags: Flags, siblings: Siblings | None) -> Loading:
    retries = Retries(flags.max_num_load_retries, flags.load_retry_interval_micros / _MICROS)
    if siblings is None:
        return Loading(retries, flags.num_load_threads, optimizing=_optimizing(flags, nullcontext))
    return Loading(
        retries,
        flags.num_load_threads,
        Room(turn=siblings.turn_to_load),
        _optimizing(flags, siblings.turn_to_optimize),
        siblings,
    )


def _optimizing(flags: Flags, turn: Turn) -> Optimizing | None:
    """What optimises versions; None where that is not wanted, or where no request may be made up to compare answers with."""
    options = _options(flags)
    if not options.keeps_samples:
        return None
    threads = (options.intra_op_threads, options.inter_op_threads)
    return Optimizing(Settings(flags.optimize, options.tags, *threads, turn=turn))
