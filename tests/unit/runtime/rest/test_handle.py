"""Uploads that cannot be kept."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, cast

import pytest

from tfmodel_runtime.lifecycle_state import Readiness
from tfmodel_runtime.rest.handle import Handle

HEAD = b'--b\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n'


async def test_a_large_upload_for_which_there_is_no_disk_is_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": HEAD + bytes(2**21) + b"\r\n--b--\r\n"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"method": "POST", "headers": [(b"content-type", b"multipart/form-data; boundary=b")]}
    handle = Handle(cast("Any", None), Readiness(cast("Any", None)), most_body_bytes=2**22)
    await handle(scope, receive, send)
    assert sent[0]["status"] == 503
    assert sent[1]["body"] == b'{"error": "there is no room for the upload: No such file or directory"}'
    assert str(tmp_path / "none") in caplog.text
