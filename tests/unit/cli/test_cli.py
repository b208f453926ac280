"""The command line: what it says, and a whole TFModel run without a cluster."""

import hashlib
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from testkit.faulty_web import faulty_web
from testkit.tiny_models import SCRIPTS, tfmodel, training
from tfmodel_cli.explain import story
from tfmodel_cli.run import columns

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
LEAVES = """
import json, os, shutil
shutil.copytree(os.environ["TFMODEL_PARAM_MODEL"], os.environ["TFMODEL_EXPORT_DIR"], dirs_exist_ok=True)
with open(os.environ["TFMODEL_METRICS_FILE"], "w") as metrics:
    json.dump({"accuracy": 0.5}, metrics)
"""
"""A training that leaves a model that there is already: nothing that must import TensorFlow for seconds."""


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def cli(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tfmodel_cli.main", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


def manifests(folder: Path, **spec: Any) -> Path:
    folder.mkdir(exist_ok=True)
    scripts = {**SCRIPTS, "data": {**SCRIPTS["data"], "leaves.py": LEAVES}}
    (folder / "all.yaml").write_text(yaml.safe_dump_all([scripts, tfmodel(**spec)]))
    return folder


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return cli("run", str(folder), "--once", "--rest_api_port", free_port(), "--port", free_port(), *args)


def test_a_whole_tfmodel_runs_without_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text('{"instances": [1, 2]}')
    done = run(manifests(tmp_path / "m"), "--request", str(tmp_path / "request.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"predictions": [2.0,4.0]' in done.stdout
    assert "not used without a cluster: training.resources, serving.resources" in done.stdout.replace(
        "training.backoffLimit, ", ""
    )


@pytest.mark.timeout(300)
def test_a_run_that_is_asked_to_end_ends_what_it_began(saved_models: Path, tmp_path: Path) -> None:
    folder = manifests(tmp_path / "m", source={"uri": "pvc://a/b"})
    port = free_port()
    ports = ["--rest_api_port", port, "--port", free_port()]
    given = ["--input", f"source={saved_models / 'half_plus_two' / '1'}"]
    command = [sys.executable, "-m", "tfmodel_cli.main", "run", str(folder), *given, *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None
        told = next(line for line in running.stdout if "serving until" in line or "error:" in line)
        assert "serving until" in told
        running.terminate()
        assert running.wait(60) == 0
    with socket.socket() as found, pytest.raises(ConnectionRefusedError):
        found.connect(("127.0.0.1", int(port)))


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"training": training("raises.py")}, "UserCodeError: the training ended with exit code 1"),
        ({"training": training("none.py")}, "ConfigMap scripts has no key none.py"),
        ({"training": {**training(), "suspend": True}}, "training.suspend is true"),
        ({"training": {"image": "mine:1"}}, "without script or command"),
        ({"source": {"uri": "pvc://a/b"}}, "--input source=PATH"),
        ({"training": {**training(), "runnId": "1"}}, "spec.training.runnId"),
        ({"serving": {"replicas": -1}}, "spec.serving.replicas"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path: Path, spec: dict[str, Any], told: str) -> None:
    done = run(manifests(tmp_path / "m", **spec))
    assert done.returncode == 1
    assert told in done.stderr
    assert "tfmodel_cli" not in done.stderr


def test_a_threshold_that_is_not_met_ends_it_with_reason_and_hint(saved_models: Path, tmp_path: Path) -> None:
    trained = training("leaves.py", params={"model": str(saved_models / "half_plus_two" / "1")})
    done = run(manifests(tmp_path / "m", training=trained, validation={"thresholds": {"accuracy": ">=0.9"}}))
    assert done.returncode == 1
    assert "error: ThresholdNotMet: accuracy is 0.5, which is not >=0.9" in done.stderr
    assert "hint: " in done.stderr


def test_a_model_that_exists_is_fetched_and_served(saved_models: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "model"), "gztar", saved_models / "half_plus_two")
    (tmp_path / "request.json").write_text('{"instances": [1, 2]}')
    body = Path(packed).read_bytes()
    with faulty_web(body) as web:
        web.faults = ["503", "short"]
        source = {"uri": f"{web.url}/model.tar.gz", "sha256": hashlib.sha256(body).hexdigest()}
        done = run(manifests(tmp_path / "m", source=source), "--request", str(tmp_path / "request.json"))
        assert done.returncode == 0, done.stdout + done.stderr
        assert '"predictions": [2.5,3.0]' in done.stdout
        source["sha256"] = "0" * 64
        done = run(manifests(tmp_path / "m", source=source))
    assert (done.returncode, "error: ChecksumMismatch" in done.stderr) == (1, True), done.stderr


def test_a_model_that_exists_is_served_from_a_path(saved_models: Path, tmp_path: Path) -> None:
    source = shutil.copytree(saved_models / "half_plus_two" / "1", tmp_path / "model")
    (tmp_path / "request.json").write_text('{"instances": [2]}')
    folder = manifests(tmp_path / "m", source={"uri": "pvc://a/b"})
    done = run(folder, "--input", f"source={source}", "--request", str(tmp_path / "request.json"))
    assert done.returncode == 0, done.stderr
    assert '"predictions": [3.0]' in done.stdout


def test_inspect_shows_signatures_and_a_request_that_fits(saved_models: Path) -> None:
    done = cli("inspect", str(saved_models / "flowers" / "1"))
    assert "SepalLength" in done.stdout
    assert '"instances": [{"PetalLength": 0.0' in done.stdout
    assert "there is no saved_model.pb" in cli("inspect", str(saved_models)).stderr


def test_plan_shows_the_objects() -> None:
    kinds = [one["kind"] for one in yaml.safe_load_all(cli("plan", str(EXAMPLES / "iris")).stdout)]
    assert kinds == ["PersistentVolumeClaim", "Job", "Deployment", "Service"]


@pytest.mark.parametrize("name", ["iris", "digits"])
def test_the_examples_are_valid(name: str) -> None:
    assert cli("plan", str(EXAMPLES / name)).returncode == 0


def test_serve_hands_its_flags_on() -> None:
    done = cli("serve", "--model_base_path=/none", "--platform_config_file=/none")
    assert done.returncode == 2
    assert "--platform_config_file is a flag of TensorFlow Serving that this server does not honour yet" in done.stderr


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    program = (
        "import sys, tfmodel_cli.main; "
        "sys.exit(any(name in sys.modules for name in ('numpy', 'kubernetes', 'grpc', 'tensorflow', 'fastapi')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_story_of_a_failure() -> None:
    failure = {"reason": "OOMKilled", "message": "killed", "hint": "more memory", "logTail": ["last line"]}
    condition = {"type": "Ready", "status": "False", "reason": "OOMKilled", "message": "killed"}
    status = {"phase": "Failed", "conditions": [condition], "training": {"lastFailure": failure}}
    text = story({"metadata": {"namespace": "lab", "name": "iris"}, "status": status})
    assert "TFModel lab/iris: Failed" in text
    assert "hint: more memory" in text
    assert "| last line" in text


def test_outputs_with_one_value_a_row_are_lined_up() -> None:
    answer = json.loads('{"predictions": [{"id": 0, "p": [1]}, {"id": 2, "p": [2]}]}')
    assert columns(answer) == ["id: 0 2"]
    assert columns({"predictions": [1.0]}) == []
