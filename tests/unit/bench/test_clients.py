"""What is missing of the clients is told with the package that brings it."""

from pathlib import Path

import pytest

from comparison import clients


def program(folder: Path, name: str) -> None:
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)


def test_a_missing_client_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(clients.ClientError, match="apt-get install wrk"):
        clients.found(tmp_path, needs_grpc=True)
    program(tmp_path, "wrk")
    with pytest.raises(clients.ClientError, match="h2load is missing: apt-get install nghttp2-client"):
        clients.found(tmp_path, needs_grpc=True)


def test_rest_alone_needs_no_client_for_grpc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path, "wrk")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert clients.found(tmp_path, needs_grpc=False) == clients.Clients(tmp_path / "wrk", None, tmp_path)
