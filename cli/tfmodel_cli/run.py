"""`tfmodel run`: a TFModel without a cluster: train, export, check, serve, by the code that the containers run.

The training is a process with the contract's environment; the export step and the runtime are the very programs of the images,
as processes. What a Job's pod has mounted is a folder here.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmodel.api.v1alpha1 import TFModel
from tfmodel.contract import ExportReport
from tfmodel_cli import export_step
from tfmodel_cli import workspace as layout
from tfmodel_cli.errors import CommandError
from tfmodel_cli.local_fields import not_used
from tfmodel_cli.manifests import Manifests, read
from tfmodel_cli.workspace import Workspace
from tfmodel_operator.manifests.exporting import representative_input
from tfmodel_operator.manifests.job import export_request
from tfmodel_operator.manifests.runtime_flags import runtime_flags
from tfmodel_operator.plan.naming import run_key
from tfmodel_operator.plan.versions import policy_flag

_START_SECONDS = 120.0
_STOP_SECONDS = 45.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    manifest: Path
    inputs: Mapping[str, Path]
    request: Path | None
    once: bool
    rest_port: int
    grpc_port: int
    work_dir: Path | None


def run(options: Options) -> None:
    """Runs the whole of a TFModel.

    Raises:
        CommandError: a step failed; the text says which and why.
    """
    # both end what was started here; a shell's background job ignores the first
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, signal.default_int_handler)
    manifests = read(options.manifest)
    model = manifests.model
    _announce(manifests)
    if model.spec.training is not None and model.spec.training.suspend:
        raise CommandError("training.suspend is true: the run is held", "set it to false")
    with ExitStack() as stack:
        root = options.work_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tfmodel-")))
        workspace = Workspace(root.resolve())
        shutil.rmtree(workspace.job, ignore_errors=True)
        workspace.prepare()
        if model.spec.training is not None:
            _train(manifests, workspace, options.inputs)
        report = _export(manifests, workspace, options.inputs)
        _say(f"published version {report.version}: {_metrics(report)}")
        for one in report.exports:
            _say(f"  {one.format}: {one.file}, {one.size_bytes} bytes, largest difference {one.max_difference}")
        port = stack.enter_context(_serving(manifests, workspace, options))
        _use(model, options, port)


def _say(text: str) -> None:
    print(f"==> {text}", flush=True)


def _announce(manifests: Manifests) -> None:
    _say(f"TFModel {manifests.model.name}")
    unused = [*not_used(manifests.model), *manifests.others]
    if unused:
        _say(f"not used without a cluster: {', '.join(unused)}")


def _metrics(report: ExportReport) -> str:
    return ", ".join(f"{name} {value}" for name, value in report.metrics.items()) or "no metrics reported"


def _train(manifests: Manifests, workspace: Workspace, inputs: Mapping[str, Path]) -> None:
    training = manifests.model.spec.training
    assert training is not None  # noqa: S101 - the caller has looked
    command = layout.command(training, manifests, workspace)
    environment = layout.environment(training, manifests, workspace, inputs)
    _say(f"training: {' '.join(command)}")
    begun = time.monotonic()
    try:
        done = subprocess.run(command, env=environment, timeout=training.active_deadline_seconds, check=False)  # noqa: S603 - the user's own script
    except subprocess.TimeoutExpired as error:
        limit = training.active_deadline_seconds
        raise CommandError(
            f"DeadlineExceeded: the training took longer than {limit} s", "raise training.activeDeadlineSeconds"
        ) from error
    except OSError as error:
        raise CommandError(f"training.command cannot be run: {error}") from error
    if done.returncode != 0:
        raise CommandError(
            f"UserCodeError: the training ended with exit code {done.returncode}", "see the lines above; correct it"
        )
    _say(f"trained in {time.monotonic() - begun:.1f} s")


def _export(manifests: Manifests, workspace: Workspace, inputs: Mapping[str, Path]) -> ExportReport:
    model = manifests.model
    local = {
        "export_dir": _exported(model, workspace, inputs),
        "metrics_file": str(workspace.job / "metrics.json"),
        "log_dir": str(workspace.job / "run" / "logs"),
        "progress_file": str(workspace.job / "progress.json"),
        "store": str(workspace.store),
        **_representative(model, manifests, workspace, inputs),
    }
    request = export_request(model, run_key(model)).model_copy(update=local)
    _say("export: convert, check, publish")
    return export_step.run(request, workspace.root / "report.json")


def _representative(
    model: TFModel, manifests: Manifests, workspace: Workspace, inputs: Mapping[str, Path]
) -> dict[str, str]:
    data, training = representative_input(model), model.spec.training
    if data is None or training is None:
        return {}
    return {"representative_data": layout.input_path(data.name, training, manifests, workspace, inputs)}


def _exported(model: TFModel, workspace: Workspace, inputs: Mapping[str, Path]) -> str:
    if model.spec.source is None:
        return str(workspace.job / "export")
    if "source" in inputs:
        return str(inputs["source"].resolve())
    return layout.fetched(model.spec.source, workspace)


@contextmanager
def _serving(manifests: Manifests, workspace: Workspace, options: Options) -> Iterator[int]:
    """The runtime, serving; the REST port it has opened."""
    model = manifests.model
    command = [
        *(sys.executable, "-m", "tfmodel_runtime.main", "--bind_address=127.0.0.1"),
        *runtime_flags(model, version_policy=policy_flag(model)),
        *layout.handler_flags(model, manifests, workspace),
        *(f"--model_base_path={workspace.store / model.name}", "--drain_delay=0s", "--log_level=warning"),
        *(f"--rest_api_port={options.rest_port}", f"--port={options.grpc_port}"),
    ]
    _say("serving")
    with subprocess.Popen(command) as server:  # noqa: S603 - our own program
        try:
            _wait_ready(server, options.rest_port)
            yield options.rest_port
        finally:
            server.terminate()
            try:
                server.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait_ready(server: "subprocess.Popen[bytes]", port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    reason = "it does not answer"
    while time.monotonic() < end:
        if server.poll() is not None:
            raise CommandError(
                f"the runtime ended with exit code {server.returncode}", "see the lines above; is a port in use?"
            )
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except urllib.error.HTTPError as error:
            reason = error.read().decode(errors="replace")
        except OSError:
            pass
        time.sleep(_POLL_SECONDS)
    raise CommandError(f"the runtime was not ready within {_START_SECONDS:.0f} s: {reason}")


def _use(model: TFModel, options: Options, port: int) -> None:
    base = f"http://127.0.0.1:{port}/v1/models/{model.name}"
    _say(f"ready: {base}:predict (REST), 127.0.0.1:{options.grpc_port} (gRPC)")
    if options.request is not None:
        _ask(f"{base}:predict", options.request)
    if options.once:
        return
    try:
        _say("serving until Ctrl-C")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        _say("stopping")


def _ask(url: str, file: Path) -> None:
    try:
        body = file.read_bytes()
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as answer:  # noqa: S310
            text = answer.read().decode()
    except urllib.error.HTTPError as error:
        raise CommandError(f"{file}: {error.code}: {error.read().decode(errors='replace')}") from error
    except OSError as error:
        raise CommandError(f"{file}: {error}") from error
    print(text, flush=True)
    for line in columns(json.loads(text)):
        _say(line)


def columns(answer: Any) -> list[str]:
    """The outputs that hold one value a row, each as a line: class_ids: 0 1 2."""
    rows = answer.get("predictions") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        return []
    names = [name for name, value in rows[0].items() if not isinstance(value, list | dict)]
    return [f"{name}: {' '.join(str(row.get(name)) for row in rows)}" for name in names]
