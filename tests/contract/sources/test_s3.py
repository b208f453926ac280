"""Fetching from a real S3 server: files, folders, archives, wrong keys, nothing there."""

import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit.certificates import Authority
from testkit.s3 import KEY, SECRET, breaking_proxy, s3_server
from tfmodel.contract import FETCH_REQUEST_ENV, PERMANENT_FAILURE, RETRIABLE_FAILURE, FetchRequest
from tfmodel_trainer.main import main

GOOD = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


@pytest.fixture(scope="module")
def address(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the bucket `models`."""
    folder = tmp_path_factory.mktemp("s3")
    bucket = folder / "buckets" / "models"
    shutil.copytree(saved_models / "half_plus_two", bucket / "half")
    (bucket / "half-other").mkdir()
    (bucket / "half-other" / "no-part-of-it").write_text("x")
    with tarfile.open(bucket / "half.tgz", "w:gz") as archive:
        archive.add(saved_models / "half_plus_two", "half")
    (bucket / "large.h5").write_bytes(bytes(range(256)) * (80 << 10))
    with s3_server(folder) as found:
        yield found


@pytest.fixture
def fetch(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the fetch step as its container does: its exit code, and the failure that it reported."""

    def run(uri: str, keys: dict[str, str] = GOOD, **changes: Any) -> tuple[int, dict[str, Any]]:
        for name, value in {"AWS_ENDPOINT_URL": f"http://{address}", **keys}.items():
            monkeypatch.setenv(name, value)
        request = FetchRequest(uri=uri, target=str(tmp_path / "source"), first_wait_seconds=0.01)
        monkeypatch.setenv(FETCH_REQUEST_ENV, request.model_copy(update=changes).to_json())
        report = tmp_path / "report"
        report.unlink(missing_ok=True)
        code = main(["fetch", f"--report-file={report}"])
        return code, json.loads(report.read_text())["failure"] if report.exists() else {}

    return run


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("uri", ["s3://models/half", "s3://models/half/"])
def test_a_folder_arrives_and_nothing_beside_it(fetch: Any, saved_models: Path, tmp_path: Path, uri: str) -> None:
    assert fetch(uri) == (0, {})
    assert files(tmp_path / "source") == files(saved_models / "half_plus_two")


def test_an_archive_is_checked_and_unpacked(fetch: Any, saved_models: Path, tmp_path: Path) -> None:
    code, failure = fetch("s3://models/half.tgz", sha256="0" * 64)
    assert (code, failure["reason"]) == (PERMANENT_FAILURE, "ChecksumMismatch")
    digest = failure["message"].split("has the sha256 ")[1].split(",")[0]
    assert fetch("s3://models/half.tgz", sha256=digest) == (0, {})
    assert files(tmp_path / "source" / "half") == files(saved_models / "half_plus_two")


def test_a_large_file_arrives_in_parts(fetch: Any, tmp_path: Path) -> None:
    assert fetch("s3://models/large.h5") == (0, {})
    digest = hashlib.sha256((tmp_path / "source" / "large.h5").read_bytes()).hexdigest()
    assert digest == hashlib.sha256(bytes(range(256)) * (80 << 10)).hexdigest()


@pytest.mark.parametrize(
    "keys",
    [
        {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": "wrong-" + SECRET},
        {"AWS_ACCESS_KEY_ID": "nobody-known", "AWS_SECRET_ACCESS_KEY": SECRET},
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
    ],
    ids=["secret", "key", "none"],
)
def test_wrong_keys_are_told_without_showing_them(
    fetch: Any, keys: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    code, failure = fetch("s3://models/half", keys)
    assert (code, failure["reason"]) == (PERMANENT_FAILURE, "StorageAuthFailed"), failure
    assert "AWS_ACCESS_KEY_ID" in failure["hint"]
    told = json.dumps(failure) + "".join(capfd.readouterr())
    assert [value for value in (SECRET, *keys.values()) if value and value in told] == []


@pytest.mark.parametrize("uri", ["s3://models/none", "s3://no-such-bucket/a", "s3://models/hal"])
def test_nothing_there_is_named(fetch: Any, uri: str) -> None:
    code, failure = fetch(uri)
    assert (code, failure["reason"]) == (PERMANENT_FAILURE, "SourceNotFound"), failure


def test_a_folder_has_no_checksum(fetch: Any) -> None:
    assert fetch("s3://models/half", sha256="0" * 64)[1]["reason"] == "ChecksumMismatch"


def test_too_many_files_or_bytes_are_refused(fetch: Any) -> None:
    assert fetch("s3://models/half", max_files=1)[1]["reason"] == "SourceTooLarge"
    assert fetch("s3://models/large.h5", max_bytes=1 << 20)[1]["reason"] == "SourceTooLarge"


def test_a_server_that_is_not_there_may_come_back(fetch: Any) -> None:
    code, failure = fetch("s3://models/half", {**GOOD, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, attempts=2)
    assert (code, failure["reason"]) == (RETRIABLE_FAILURE, "DownloadFailed"), failure


def test_a_company_s_own_store_is_trusted_if_its_authority_is_named(fetch: Any, tmp_path: Path) -> None:
    authority = Authority("company")
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    certificate, key = authority.pair("localhost").write(tmp_path / "tls")
    (tmp_path / "s3" / "buckets" / "models").mkdir(parents=True)
    (tmp_path / "s3" / "buckets" / "models" / "m.h5").write_text("x")
    with s3_server(tmp_path / "s3", f"--cert={certificate}", f"--key={key}") as found:
        keys = {**GOOD, "AWS_ENDPOINT_URL": f"https://{found}"}
        assert fetch("s3://models/m.h5", keys, ca_file=str(tmp_path / "ca.crt")) == (0, {})
        assert fetch("s3://models/m.h5", keys, attempts=1)[1]["reason"] == "DownloadFailed"


def test_a_part_that_breaks_off_is_asked_for_again(fetch: Any, address: str, tmp_path: Path) -> None:
    with breaking_proxy(address, after=12 << 20) as (proxy, broken):
        assert fetch("s3://models/large.h5", {**GOOD, "AWS_ENDPOINT_URL": f"http://{proxy}"}) == (0, {})
    assert (tmp_path / "source" / "large.h5").read_bytes() == bytes(range(256)) * (80 << 10)
    assert broken == [1]
