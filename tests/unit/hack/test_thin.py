"""What the thin archive holds: every layer that the receiver lacks, once, and none that it has."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

THIN = Path(__file__).parents[3] / "hack" / "cluster" / "thin.py"
SHARED, OWN = b"tensorflow" * 1000, b"our code"


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Two images, as `docker save` writes them, that share one layer."""
    path = tmp_path / "saved.tar"
    images: list[dict[str, Any]] = []
    with tarfile.open(path, "w") as archive:
        add(archive, "a/layer.tar", SHARED)
        add(archive, "b/layer.tar", OWN)
        for name, layers in {"runtime:1": [SHARED], "registry.example/x/trainer:1": [SHARED, OWN]}.items():
            config = json.dumps({"n": name, "rootfs": {"diff_ids": [digest(layer) for layer in layers]}}).encode()
            config_name = digest(config).removeprefix("sha256:") + ".json"
            add(archive, config_name, config)
            paths = ["a/layer.tar", "b/layer.tar"][: len(layers)]
            images.append({"Config": config_name, "RepoTags": [name], "Layers": paths})
        add(archive, "manifest.json", json.dumps(images).encode())
    return path


def thin(saved: Path, had: str) -> dict[str, bytes]:
    out = subprocess.run([sys.executable, THIN, saved], input=had.encode(), capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(out)) as archive:
        names = archive.getnames()
        assert len(names) == len(set(names))
        return {name: archive.extractfile(name).read() for name in names}  # type: ignore[union-attr]


def blob(content: bytes) -> str:
    return "blobs/" + digest(content).replace(":", "/")


def test_a_layer_that_two_images_share_travels_once(saved: Path) -> None:
    files = thin(saved, "")
    assert files[blob(SHARED)] == SHARED
    assert files[blob(OWN)] == OWN


def test_a_layer_that_the_receiver_has_does_not_travel(saved: Path) -> None:
    files = thin(saved, f"{digest(SHARED)}\nsha256:other")
    assert blob(SHARED) not in files
    assert files[blob(OWN)] == OWN


def test_every_image_stands_in_the_index_under_its_full_name_with_all_its_layers(saved: Path) -> None:
    files = thin(saved, digest(SHARED))
    entries = json.loads(files["index.json"])["manifests"]
    names = [entry["annotations"]["io.containerd.image.name"] for entry in entries]
    assert names == ["docker.io/library/runtime:1", "registry.example/x/trainer:1"]
    manifest = json.loads(files["blobs/" + entries[1]["digest"].replace(":", "/")])
    assert [layer["digest"] for layer in manifest["layers"]] == [digest(SHARED), digest(OWN)]
    assert [layer["size"] for layer in manifest["layers"]] == [len(SHARED), len(OWN)]
