"""Turns what `docker save` wrote into an OCI archive without the layers that the receiver has already.

    thin.py SAVED.tar <digests-the-receiver-has >archive.tar

`ctr images import` takes an archive whose missing blobs lie in its content store, so a change of a few kilobytes of our
code travels as a few kilobytes though the image holds TensorFlow. Formats: docker-archive (`manifest.json`) in, OCI image
layout 1.0 out, with containerd's `io.containerd.image.name` annotation.
"""

import hashlib
import io
import json
import sys
import tarfile
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


class Thin:
    """One OCI archive being written; each blob is written once, and not at all when the receiver has it."""

    def __init__(self, saved: tarfile.TarFile, out: tarfile.TarFile, had: set[str]) -> None:
        self._saved = saved
        self._out = out
        self._done = had

    def add_file(self, name: str, content: bytes) -> None:
        """Add a file that every archive must have."""
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self._out.addfile(member, io.BytesIO(content))

    def add_json_blob(self, media_type: str, content: bytes) -> dict[str, Any]:
        """Add a configuration or a manifest; give its descriptor."""
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        if digest not in self._done:
            self._done.add(digest)
            self.add_file("blobs/" + digest.replace(":", "/"), content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def add_layer(self, path: str, diff_id: str) -> dict[str, Any]:
        """Add a layer unless the receiver has it; give its descriptor.

        Newer engines name a layer by the digest of what they saved, older ones save it uncompressed: its diff id.
        """
        stream, size = self._open(path)
        digest = "sha256:" + path.rsplit("/", 1)[1] if path.startswith("blobs/sha256/") else diff_id
        zipped = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        if digest not in self._done:
            self._done.add(digest)
            member = tarfile.TarInfo("blobs/" + digest.replace(":", "/"))
            member.size = size
            self._out.addfile(member, stream)
        return {"mediaType": LAYER + ("+gzip" if zipped else ""), "digest": digest, "size": size}

    def read(self, path: str) -> bytes:
        """Give the content of a file of the saved archive."""
        return bytes(self._open(path)[0].read())

    def _open(self, path: str) -> tuple[Any, int]:
        stream = self._saved.extractfile(path)
        if stream is None:
            raise SystemExit(f"{path} is no file in the saved archive")
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        return stream, size


def full_name(name: str) -> str:
    """`tfmodel-operator:1` as containerd and the kubelet call it: with the registry and folder that Docker leaves out."""
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    return name if "." in first or ":" in first or first == "localhost" else f"docker.io/{name}"


def add_image(thin: Thin, image: dict[str, Any]) -> list[dict[str, Any]]:
    """Add one image; give its entries of the index, one for each of its names."""
    config = thin.read(image["Config"])
    diff_ids = json.loads(config)["rootfs"]["diff_ids"]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": thin.add_json_blob(CONFIG, config),
        "layers": [thin.add_layer(path, diff_id) for path, diff_id in zip(image["Layers"], diff_ids, strict=True)],
    }
    described = thin.add_json_blob(MANIFEST, json.dumps(manifest).encode())
    return [{**described, "annotations": {"io.containerd.image.name": full_name(name)}} for name in image["RepoTags"]]


def main() -> None:
    had = set(sys.stdin.read().split())
    with tarfile.open(sys.argv[1]) as saved, tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as out:
        thin = Thin(saved, out, had)
        thin.add_file("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        entries = [entry for image in json.loads(thin.read("manifest.json")) for entry in add_image(thin, image)]
        thin.add_file("index.json", json.dumps({"schemaVersion": 2, "manifests": entries}).encode())


if __name__ == "__main__":
    main()
