"""tensorflow.serving.ModelService: GetModelStatus, HandleReloadConfigRequest (contract section 8.3)."""

from collections.abc import Mapping
from typing import Any

from tfmodel.wire import messages
from tfmodel_runtime.errors import ExecutionError, InvalidInputError
from tfmodel_runtime.grpc.calls import Context, Method, Unary
from tfmodel_runtime.model_info import status
from tfmodel_runtime.observability.metrics import Metrics
from tfmodel_runtime.servables import config
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.servables.servable import ModelConfig
from tfmodel_runtime.statuses import Code

SERVICE = "tensorflow.serving.ModelService"
ONE_OF_MANY = (
    "HandleReloadConfigRequest would reach one of {processes} processes: use --model_config_file with "
    "--model_config_file_poll_wait_seconds, which all of them follow, or --processes=1"
)


class ModelService:
    """Tells of models, and takes others to serve."""

    name = SERVICE

    def __init__(
        self, manager: Manager, metrics: Metrics, *, allows_early_labels: bool, is_managed: bool, processes: int = 1
    ) -> None:
        self._manager = manager
        self._metrics = metrics
        self._allows_early_labels = allows_early_labels
        self._is_managed = is_managed
        self._processes = processes

    def methods(self) -> Mapping[str, Method]:
        """The methods."""
        return {
            "GetModelStatus": Unary(self.get_model_status, messages.GetModelStatusRequest),
            "HandleReloadConfigRequest": Unary(self.handle_reload_config, messages.ReloadConfigRequest),
        }

    async def get_model_status(self, request: Any, _context: Context) -> Any:
        """ModelService.GetModelStatus. A label in the request is ignored, as TensorFlow Serving does."""
        if not request.HasField("model_spec"):
            raise InvalidInputError("Missing ModelSpec")
        spec = request.model_spec
        version = spec.version.value if spec.WhichOneof("version_choice") == "version" else None
        return status(self._manager, spec.name, version)

    async def handle_reload_config(self, request: Any, _context: Context) -> Any:
        """ModelService.HandleReloadConfigRequest: replaces the models; answers once those that are new can be used."""
        if self._processes > 1:
            raise ExecutionError(Code.FAILED_PRECONDITION, ONE_OF_MANY.format(processes=self._processes))
        before = {name: self._metrics.tfserving.value(name) for name in request.metric_names}
        wanted = config.models(request.config, is_managed=self._is_managed)
        new = {one.name for one in wanted} - self._manager.names()
        if not self._allows_early_labels:
            self._check_labels({one.name: one for one in wanted})
        self._manager.configure(wanted)
        failed = await self._manager.settled(new)
        if failed:
            told = ", ".join(f"{{{name} due to error: {reason}}}" for name, reason in sorted(failed.items()))
            raise ExecutionError(Code.UNKNOWN, f"{len(failed)} model(s) did not become available: {{{told}}}")
        answer = messages.ReloadConfigResponse()
        answer.status.error_code = Code.OK
        for name, value in before.items():
            answer.metric.add(name=name, int64_value_increase=self._metrics.tfserving.value(name) - value)
        return answer

    def _check_labels(self, wanted: Mapping[str, ModelConfig]) -> None:
        """TensorFlow Serving lets a request assign labels to available versions only."""
        for name, one in wanted.items():
            for version in one.labels.values():
                if version not in self._manager.available(name):
                    raise ExecutionError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {version} of model {name}, which is not currently available "
                        "for inference",
                    )
