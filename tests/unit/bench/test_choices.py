"""What a user may choose is taken or refused with what is known; how TensorFlow Serving is named."""

from pathlib import Path

import numpy as np
import pytest

from comparison import peers
from comparison.choices import parse
from comparison.models import MODELS, Made
from comparison.peers import Ports

MADE = Made(MODELS["iris"], Path("/models/iris"), np.zeros((1, 4), np.float32), np.zeros((1, 3), np.float32))
PORTS = Ports(1, 2, 3)


def test_the_defaults_are_all_peers_from_pypi_and_all_models() -> None:
    found = parse([])
    assert found.peers == ("kserve", "mlserver", "bentoml", "rayserve", "pytriton")
    assert (found.models, found.protocols) == (("iris", "mnist", "mobilenet"), ("rest", "grpc"))


def test_lists_are_divided_by_commas_or_spaces() -> None:
    found = parse(["--peers=kserve,mlserver", "--connections=1 8", "--join=a.json,b.json"])
    assert (found.peers, found.connections) == (("kserve", "mlserver"), (1, 8))
    assert found.join == (Path("a.json"), Path("b.json"))


def test_no_peer_may_be_chosen() -> None:
    assert parse(["--peers=none"]).peers == ()


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--peers=kservr", "unknown: kservr (known: kserve"),
        ("--models=iris,x", "unknown: x"),
        ("--seconds=0", "0 is less than 1"),
    ],
)
def test_what_is_unknown_is_refused_with_what_is_known(argument: str, words: str, capsys) -> None:
    with pytest.raises(SystemExit):
        parse([argument])
    assert words in capsys.readouterr().err


def test_ours_takes_the_users_flags_last() -> None:
    command = peers.ours(Path("/checkout"), "--enable_batching=true --port=9").command(MADE, PORTS)
    assert command[:3] == ["/checkout/.venv/bin/python", "-m", "tfmodel_runtime.main"]
    assert command[-2:] == ["--enable_batching=true", "--port=9"]


def test_workers_are_those_of_each_peer_and_processes_of_ours() -> None:
    workers = parse(["--workers=2"]).workers
    assert "--workers=2" in peers.peer("kserve", workers).command(Path("python"), MADE, PORTS)
    assert "--processes=2" in peers.ours(Path("/checkout"), "", workers).command(MADE, PORTS)


def test_without_workers_each_server_has_what_it_has_by_default() -> None:
    workers = parse([]).workers
    assert peers.peer("mlserver", workers) is peers.PEERS["mlserver"]
    assert not [flag for flag in peers.ours(Path("/checkout"), "", workers).flags if "processes" in flag]


def test_tensorflow_serving_is_started_from_a_binary() -> None:
    command = peers.tfserving({"TFSERVING_BINARY": "/bin/tms"}).command(MADE, PORTS)
    assert command[:3] == ["/bin/tms", "--model_name=m", "--model_base_path=/models/iris"]
    assert {"--port=2", "--rest_api_port=1"} <= set(command)


def test_tensorflow_serving_in_a_container_sees_the_models_and_can_be_found_by_its_mark() -> None:
    command = peers.tfserving({"TFSERVING_IMAGE": "tensorflow/serving"}).command(MADE, PORTS)
    assert "--volume=/models/iris:/models/m:ro" in command
    assert "--model_base_path=/models/m" in command
    assert command[command.index("--env") + 1] == peers.MARK


def test_tensorflow_serving_without_either_says_what_to_set() -> None:
    with pytest.raises(LookupError, match="TFSERVING_BINARY=path or TFSERVING_IMAGE=name"):
        peers.tfserving({})


@pytest.mark.parametrize("name", peers.PEERS)
def test_every_peer_has_its_adapter_and_pins_what_the_report_names(name: str) -> None:
    peer = peers.PEERS[name]
    adapter = Path(peer.command(Path("python"), MADE, PORTS)[1])
    assert adapter.is_file()
    pinned = {line.split("==")[0].split("[")[0] for line in peer.requirements.read_text().splitlines() if "==" in line}
    assert {*peer.packages, "tensorflow-cpu"} <= pinned


@pytest.mark.parametrize("name", peers.PEERS)
def test_a_protocol_that_a_peer_lacks_has_a_reason(name: str) -> None:
    peer = peers.PEERS[name]
    assert (peer.grpc is None) == bool(peer.lacks)
