"""Reading what `kubectl apply -f` would read: one TFModel and the ConfigMaps beside it, from a file or a folder."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tfmodel.api.v1alpha1 import KIND, TFModel
from tfmodel_cli.errors import CommandError
from tfmodel_operator.plan.acceptance import explain

_ENDINGS = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Manifests:
    """A TFModel, the files of its ConfigMaps by name and key, and what else was found."""

    model: TFModel
    config_maps: Mapping[str, Mapping[str, bytes]]
    others: tuple[str, ...]


def read(path: Path) -> Manifests:
    """The manifests in a file, or in the files of a folder; beside a lone file its folder is searched for ConfigMaps.

    Raises:
        CommandError: the path cannot be read, or does not hold just one TFModel that is valid.
    """
    if not path.exists():
        raise CommandError(f"{path} does not exist", "name a manifest, or a folder of manifests")
    asked = _objects(path)
    models = [found for found in asked if found.get("kind") == KIND]
    if len(models) != 1:
        raise CommandError(f"{path} holds {len(models)} TFModels, expected one", "name the file that holds it")
    beside = asked if path.is_dir() else _objects(path.parent)
    maps = {str(found["metadata"]["name"]): _files(found) for found in beside if found.get("kind") == "ConfigMap"}
    known = (KIND, "ConfigMap")
    others = tuple(f"{found['kind']} {found['metadata']['name']}" for found in asked if found.get("kind") not in known)
    return Manifests(parse(models[0], str(path)), maps, others)


def parse(found: Mapping[str, Any], where: str) -> TFModel:
    """The TFModel in an object.

    Raises:
        CommandError: it is not valid; the text names each field.
    """
    try:
        return TFModel.model_validate(found)
    except ValidationError as error:
        raise CommandError(f"{where}: {explain(error)}", "correct the fields that are named") from error


def _objects(path: Path) -> list[dict[str, Any]]:
    files = sorted(one for one in path.iterdir() if one.suffix in _ENDINGS) if path.is_dir() else [path]
    found: list[dict[str, Any]] = []
    for file in files:
        try:
            documents = list(yaml.safe_load_all(file.read_text()))
        except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        found.extend(one for one in documents if isinstance(one, dict) and "metadata" in one)
    return found


def _files(config_map: Mapping[str, Any]) -> dict[str, bytes]:
    texts = {key: str(value).encode() for key, value in (config_map.get("data") or {}).items()}
    binary = {key: base64.b64decode(value) for key, value in (config_map.get("binaryData") or {}).items()}
    return {**texts, **binary}
