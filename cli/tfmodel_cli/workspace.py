"""What a Job's pod finds mounted, laid out in a folder: the script, the inputs, the parameters, the workspace, the store."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tfmodel import contract
from tfmodel.api.kubernetes import EnvVar
from tfmodel.api.source import Source
from tfmodel.api.training import Training
from tfmodel.api.v1alpha1 import TFModel
from tfmodel.contract import ExportReport
from tfmodel_cli.errors import CommandError
from tfmodel_cli.manifests import Manifests
from tfmodel_operator.manifests.fetching import fetch_request


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders of one local run."""

    root: Path

    @property
    def job(self) -> Path:
        """What is /tfmodel in a pod."""
        return self.root / "tfmodel"

    @property
    def store(self) -> Path:
        """What is /store in a pod."""
        return self.root / "store"

    @property
    def params_file(self) -> Path:
        """What is /etc/tfmodel/params.json in a pod."""
        return self.root / "params.json"

    def prepare(self) -> None:
        """Makes the folders."""
        for folder in (self.job, self.store):
            folder.mkdir(parents=True, exist_ok=True)


def command(training: Training, manifests: Manifests, workspace: Workspace) -> list[str]:
    """The command line of the training.

    Raises:
        CommandError: it runs an image's own entry point, or names a ConfigMap that is not there.
    """
    arguments = list(training.args or [])
    if training.script is not None:
        wanted = training.script.config_map_ref
        folder = workspace.root / "script"
        _write(folder, _config_map(manifests, wanted.name, "training.script.configMapRef"))
        script = folder / wanted.key
        if not script.is_file():
            raise CommandError(f"training.script.configMapRef: ConfigMap {wanted.name} has no key {wanted.key}")
        return [sys.executable, str(script), *arguments]
    if training.command:
        return [*training.command, *arguments]
    raise CommandError(
        "training: without script or command an image's own entry point runs, which needs a cluster",
        "give training.script or training.command",
    )


def handler_flags(model: TFModel, manifests: Manifests, workspace: Workspace) -> list[str]:
    """The runtime's flag for the model's handler, whose file is written out of its ConfigMap.

    Raises:
        CommandError: the ConfigMap or its key is not there.
    """
    handler = model.spec.serving.handler
    if handler is None:
        return []
    wanted, folder = handler.config_map_ref, workspace.root / "handler"
    _write(folder, _config_map(manifests, wanted.name, "serving.handler.configMapRef"))
    if not (folder / wanted.key).is_file():
        raise CommandError(f"serving.handler.configMapRef: ConfigMap {wanted.name} has no key {wanted.key}")
    return [f"--handler={folder / wanted.key}"]


def environment(
    training: Training, manifests: Manifests, workspace: Workspace, inputs: Mapping[str, Path]
) -> dict[str, str]:
    """The environment of the training: this process's, and the contract's.

    Raises:
        CommandError: an input or a variable comes from what only a cluster has.
    """
    paths = {data.name: input_path(data.name, training, manifests, workspace, inputs) for data in training.inputs or []}
    workspace.params_file.write_text(json.dumps(training.params or {}, sort_keys=True))
    ours = contract.training_environment(
        params=training.params or {},
        inputs=paths,
        workspace=str(workspace.job),
        params_file=str(workspace.params_file),
    )
    return {**os.environ, **ours, **{one.name: _value(one, manifests) for one in training.env or []}}


def input_path(
    name: str, training: Training, manifests: Manifests, workspace: Workspace, given: Mapping[str, Path]
) -> str:
    """Where the files of an input are.

    Raises:
        CommandError: they are where only a cluster has them.
    """
    if name in given:
        return str(given[name].resolve())
    data = next(one for one in training.inputs or [] if one.name == name)
    if data.config_map is None:
        raise CommandError(
            f"training.inputs: {name} is on a PersistentVolumeClaim, which needs a cluster",
            f"put a folder in its place: --input {name}=PATH",
        )
    folder = workspace.root / "inputs" / name
    _write(folder, _config_map(manifests, data.config_map.name, f"training.inputs {name}"))
    return str(folder)


def _value(variable: EnvVar, manifests: Manifests) -> str:
    if variable.value_from is None:
        return variable.value or ""
    wanted = variable.value_from.config_map_key_ref
    if wanted is None:
        raise CommandError(
            f"training.env: the value of {variable.name} comes from what only a cluster has",
            f"set {variable.name} with value in a copy of the manifest",
        )
    return _config_map(manifests, wanted.name, f"training.env {variable.name}").get(wanted.key, b"").decode()


def fetched(source: Source, workspace: Workspace) -> str:
    """Folder of the model after it was fetched, by the program of the fetch container, with credentials from this environment.

    Raises:
        CommandError: it is on a volume, or cannot be fetched.
    """
    if not source.is_fetched:
        raise CommandError(
            f"source.uri: {source.uri} is on a volume, which needs a cluster",
            "put a path in its place: --input source=PATH",
        )
    target, report_file = workspace.job / "source", workspace.root / "fetch-report.json"
    report_file.unlink(missing_ok=True)
    request = fetch_request(source).model_copy(
        update={"target": str(target), "ca_file": os.environ.get("SSL_CERT_FILE", "")}
    )
    command = [sys.executable, "-m", "tfmodel_trainer.main", "fetch", f"--report-file={report_file}"]
    done = subprocess.run(command, env={**os.environ, contract.FETCH_REQUEST_ENV: request.to_json()}, check=False)  # noqa: S603 - our own program
    if done.returncode == 0:
        return str(target)
    report = ExportReport.from_json(report_file.read_text()) if report_file.is_file() else None
    if report is None or report.failure is None:
        raise CommandError("InternalError: the fetch step ended without a report", "please report it")
    raise CommandError(f"{report.failure.reason}: {report.failure.message}", report.failure.hint)


def _config_map(manifests: Manifests, name: str, field: str) -> Mapping[str, bytes]:
    if name not in manifests.config_maps:
        raise CommandError(f"{field}: there is no ConfigMap {name} beside the manifest", "put it in the same folder")
    return manifests.config_maps[name]


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for key, content in files.items():
        (folder / key).write_bytes(content)
