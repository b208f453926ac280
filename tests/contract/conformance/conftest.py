"""One server of many models, for whatever needs no server of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from testkit.raw_http import Answer, ask
from testkit.served import Served, serving

MODELS = {
    "types": "types",
    "rare": "rare",
    "defaults": "with_defaults",
    "every": "every_type",
    "files": "reads_files",
    "flowers": "flowers",
    "pairs": "pairs",
    "graph": "graph",
}
LABELS = {"stable": 1, "also stable": 1, "canary": 2}


@pytest.fixture(scope="session")
def many(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The models above, and `half` with versions 1 (half plus two) and 2 (half plus three) and the labels above.

    Folders that are no versions stand beside them. Files and folders are looked at once: what changes afterwards changes nothing.
    """
    folder = tmp_path_factory.mktemp("many")
    half = folder / "half"
    half.mkdir()
    (half / "00000001").symlink_to(saved_models / "half_plus_two" / "1")
    (half / "2").symlink_to(saved_models / "half_plus_three" / "2")
    for name in ("5_backup", ".6", "tmp", "-3", "0x4", str(2**63)):
        (half / name).symlink_to(saved_models / "half_plus_two" / "1")
    (half / "7").mkdir()
    (half / "7" / "saved_model.pbtxt").touch()
    labels = " ".join(f"version_labels {{ key: '{name}', value: {number} }}" for name, number in LABELS.items())
    lines = [f"config {{ name: 'half' base_path: '{half}/' model_platform: 'tensorflow' {labels}"]
    lines += ["  model_version_policy: { all: {} } }  # a comment"]
    lines += [
        f'config {{ name: "{name}", base_path: "{saved_models / made}", model_platform: "tensorflow" }}'
        for name, made in MODELS.items()
    ]
    config, monitoring = folder / "models.config", folder / "monitoring.config"
    config.write_text("model_config_list: {\n" + "\n".join(lines) + "\n}")
    monitoring.write_text('prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }')
    flags = (f"--model_config_file={config}", f"--monitoring_config_file={monitoring}")
    once = ("--file_system_poll_wait_seconds=0", "--enable_model_warmup=false", "--optimize=None")
    with serving(folder / "ignored", folder / "log", *flags, *once) as served:
        (half / "9").symlink_to(saved_models / "half_plus_two" / "1")
        config.write_text("model_config_list {}")
        yield served


@pytest.fixture
def send(many: Served) -> Callable[..., Answer]:
    """Sends bytes as the body of a request, or none, and gives the answer as it came."""

    def sent(method: str, path: str, body: bytes = b"", *headers: bytes) -> Answer:
        lines = (f"{method} {path} HTTP/1.1".encode(), b"Host: a", b"Content-Length: %d" % len(body), *headers)
        return ask(many.rest_port, b"\r\n".join(lines) + b"\r\n\r\n" + body)

    return sent


@pytest.fixture
def channel(many: Served) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{many.grpc_port}") as found:
        yield found
