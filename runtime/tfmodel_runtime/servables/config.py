"""TensorFlow Serving's models.config: a ModelServerConfig as models to serve (config/model_server_config.proto)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from tfmodel.wire import messages
from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.servables import policy
from tfmodel_runtime.servables.servable import ModelConfig
from tfmodel_runtime.servables.sources import DirectorySource

PLATFORM = "tensorflow"
_TENSORFLOW_TYPE = 1


def parse(text: str) -> Any:
    """The ModelServerConfig in a text.

    Raises:
        InvalidInputError: it is no text format of that message; the text says where.
    """
    try:
        return text_format.Parse(text, messages.ModelServerConfig(), descriptor_pool=messages.POOL)
    except text_format.ParseError as error:
        raise InvalidInputError(f"Error parsing text-format ModelServerConfig: {error}") from error


def models(config: Any, *, is_managed: bool = False) -> list[ModelConfig]:
    """The models of a ModelServerConfig.

    Raises:
        InvalidInputError: a model is named twice, has no absolute base path, or asks for what there is not.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise InvalidInputError(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
        )
    found = [_model(one, is_managed=is_managed) for one in config.model_config_list.config]
    _check_names(found)
    return found


def _check_names(found: Iterable[ModelConfig]) -> None:
    seen: set[str] = set()
    for one in found:
        if one.name in seen:
            raise InvalidInputError(f"Illegal to list model {one.name} multiple times in config list")
        seen.add(one.name)


def _model(one: Any, *, is_managed: bool) -> ModelConfig:
    if not one.base_path.startswith("/"):
        raise InvalidInputError(
            f"Expected model {one.name} to have an absolute path or URI; got base_path()={one.base_path}"
            if "://" not in one.base_path
            else f"model {one.name}: base_path {one.base_path} is a URI, and only absolute paths are served"
        )
    _check_platform(one)
    if one.HasField("logging_config"):
        raise InvalidInputError("No request-logger-creator provided.")
    source = DirectorySource(Path(one.base_path), is_managed=is_managed)
    return ModelConfig(one.name, source, _policy(one.model_version_policy), dict(one.version_labels))


def _check_platform(one: Any) -> None:
    if one.model_type and one.model_platform:
        raise InvalidInputError(
            "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform, "
            f"model name is {one.name}"
        )
    if one.model_type:
        if one.model_type != _TENSORFLOW_TYPE:
            raise InvalidInputError(f"ModelServerConfig::model_type choice {one.model_type} not supported.")
    elif not one.model_platform:
        raise InvalidInputError(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform, "
            f"model name is {one.name}"
        )
    elif one.model_platform != PLATFORM:
        raise InvalidInputError(f"Model {one.name} requests unsupported platform {one.model_platform}")


def _policy(found: Any) -> policy.VersionPolicy:
    match found.WhichOneof("policy_choice"):
        case "all":
            return policy.Everything()
        case "specific":
            return policy.Specific(frozenset(found.specific.versions))
        case _:
            return policy.Latest(max(1, found.latest.num_versions))
