"""Fetching from a web server that misbehaves, over a real connection."""

import hashlib
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit.certificates import Authority
from testkit.faulty_web import FaultyWeb, faulty_web
from tfmodel.contract import FETCH_REQUEST_ENV, PERMANENT_FAILURE, RETRIABLE_FAILURE, FetchRequest
from tfmodel_trainer.fetch import web as edge
from tfmodel_trainer.main import main

BODY = bytes(range(256)) * 1000
TOKEN = "a-token-that-nobody-may-see"


@pytest.fixture
def web() -> Iterator[FaultyWeb]:
    with faulty_web(BODY) as running:
        yield running


class Step:
    """The fetch step, as its container runs it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.target = folder / "source"
        self._report = folder / "report"
        self._monkeypatch = monkeypatch

    def run(self, uri: str, **changes: Any) -> tuple[int, dict[str, Any]]:
        """The exit code, and the failure that was reported."""
        request = FetchRequest(uri=uri, target=str(self.target), first_wait_seconds=0.01, stall_seconds=1)
        self._monkeypatch.setenv(FETCH_REQUEST_ENV, request.model_copy(update=changes).to_json())
        self._report.unlink(missing_ok=True)
        code = main(["fetch", f"--report-file={self._report}"])
        return code, json.loads(self._report.read_text())["failure"] if self._report.exists() else {}

    def secret(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Step:
    return Step(tmp_path, monkeypatch)


def ranges(web: FaultyWeb) -> list[str]:
    return [request.get("Range", "") for request in web.requests]


def test_a_file_arrives(web: FaultyWeb, step: Step) -> None:
    assert step.run(f"{web.url}/a/model.keras?sig=1", sha256=hashlib.sha256(BODY).hexdigest()) == (0, {})
    assert (step.target / "model.keras").read_bytes() == BODY
    assert [path.name for path in step.target.parent.iterdir()] == ["source"]


@pytest.mark.parametrize("fault", ["503", "429", "reset"])
def test_an_error_that_passes_is_waited_out(web: FaultyWeb, step: Step, fault: str) -> None:
    web.faults = [fault] * 4
    assert step.run(f"{web.url}/m.h5")[0] == 0
    assert (step.target / "m.h5").read_bytes() == BODY


@pytest.mark.parametrize("fault", ["short", "hang"])
def test_a_broken_download_goes_on_where_it_broke_off(web: FaultyWeb, step: Step, fault: str) -> None:
    web.faults = [fault, fault]
    assert step.run(f"{web.url}/m.h5", stall_seconds=0.3)[0] == 0
    assert (step.target / "m.h5").read_bytes() == BODY
    assert ranges(web) == ["", "bytes=128000-", "bytes=192000-"]


def test_another_file_under_the_same_name_is_not_mixed_with_the_first(web: FaultyWeb, step: Step) -> None:
    web.faults = ["short", "other"]
    assert step.run(f"{web.url}/m.h5")[0] == 0
    assert (step.target / "m.h5").read_bytes() == BODY[::-1]


def test_what_never_comes_may_be_tried_again(web: FaultyWeb, step: Step) -> None:
    web.faults = ["500"] * 9
    code, failure = step.run(f"{web.url}/m.h5?sig={TOKEN}", attempts=3)
    assert (code, failure["reason"], len(web.requests)) == (RETRIABLE_FAILURE, "DownloadFailed", 3)
    assert TOKEN not in failure["message"]
    assert not step.target.exists()


def test_no_server_is_a_failure_that_may_pass(step: Step) -> None:
    code, failure = step.run("http://127.0.0.1:1/m.h5", attempts=2)
    assert (code, failure["reason"]) == (RETRIABLE_FAILURE, "DownloadFailed")


@pytest.mark.parametrize(
    ("status", "reason"), [("404", "SourceNotFound"), ("403", "StorageAuthFailed"), ("418", "DownloadFailed")]
)
def test_a_refusal_is_not_tried_again(web: FaultyWeb, step: Step, status: str, reason: str) -> None:
    web.faults = [status]
    code, failure = step.run(f"{web.url}/m.h5")
    assert (code, failure["reason"], len(web.requests)) == (PERMANENT_FAILURE, reason, 1)
    assert failure["hint"]


def test_a_wrong_checksum_is_refused(web: FaultyWeb, step: Step) -> None:
    code, failure = step.run(f"{web.url}/m.h5", sha256="0" * 64)
    assert (code, failure["reason"]) == (PERMANENT_FAILURE, "ChecksumMismatch")
    assert hashlib.sha256(BODY).hexdigest() in failure["message"]
    assert not step.target.exists()


@pytest.mark.parametrize("faults", [[], ["endless"]])
def test_a_file_that_is_too_large_is_refused(web: FaultyWeb, step: Step, faults: list[str]) -> None:
    web.faults = faults
    code, failure = step.run(f"{web.url}/m.h5", max_bytes=len(BODY) - 1)
    assert (code, failure["reason"]) == (PERMANENT_FAILURE, "SourceTooLarge")


def test_a_server_without_end_is_left_in_time(web: FaultyWeb, step: Step) -> None:
    web.faults = ["endless"]
    code, failure = step.run(f"{web.url}/m.h5", max_seconds=0.3, max_bytes=1 << 50)
    assert (code, failure["reason"]) == (RETRIABLE_FAILURE, "DownloadFailed")
    assert "0.3 s" in failure["message"]


def test_a_token_goes_to_its_host_and_to_no_other(
    web: FaultyWeb, step: Step, capfd: pytest.CaptureFixture[str]
) -> None:
    with faulty_web(BODY) as other:
        web.token = TOKEN
        web.faults = [f"redirect {other.url}/signed"]
        step.secret(HTTP_BEARER_TOKEN=TOKEN)
        assert step.run(f"{web.url}/m.h5")[0] == 0
    assert [request.get("Authorization") for request in (*web.requests, *other.requests)] == [f"Bearer {TOKEN}", None]
    step.secret(HTTP_BEARER_TOKEN="wrong-" + TOKEN)
    code, failure = step.run(f"{web.url}/m.h5")
    assert (code, failure["reason"]) == (PERMANENT_FAILURE, "StorageAuthFailed")
    assert "HTTP_BEARER_TOKEN" in failure["hint"]
    assert TOKEN not in json.dumps(failure) + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "to",
    [
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/latest/",
        "ftp://host/file",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
    ],
)
def test_a_redirect_to_where_no_model_is_goes_no_further(web: FaultyWeb, step: Step, to: str) -> None:
    web.faults = [f"redirect {to}"]
    code, failure = step.run(f"{web.url}/m.h5")
    assert (code, failure["reason"], len(web.requests)) == (PERMANENT_FAILURE, "DownloadRefused", 1)
    assert not step.target.exists()


def test_the_address_that_is_connected_to_counts(web: FaultyWeb, step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that meant another address when it was looked up."""
    monkeypatch.setattr(edge, "_check_address", lambda uri: None)
    monkeypatch.setattr(edge, "is_forbidden", lambda address: address == "127.0.0.1")
    code, failure = step.run(f"{web.url}/m.h5")
    assert (code, failure["reason"], web.requests) == (PERMANENT_FAILURE, "DownloadRefused", [])


def test_redirects_end(web: FaultyWeb, step: Step) -> None:
    web.faults = [f"redirect {web.url}/again"] * 20
    code, failure = step.run(f"{web.url}/m.h5")
    assert (code, failure["reason"], len(web.requests)) == (PERMANENT_FAILURE, "DownloadRefused", 6)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[FaultyWeb, Path]]:
    """A server with a certificate of a company's own authority, and the file with that authority."""
    authority = Authority("company")
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.pair("localhost").write(tmp_path / "tls"))
    with faulty_web(BODY, context) as running:
        yield running, tmp_path / "ca.crt"


def test_a_certificate_of_a_company_s_own_is_trusted_if_its_authority_is_named(
    secure: tuple[FaultyWeb, Path], step: Step
) -> None:
    web, ca_file = secure
    assert step.run(f"{web.url}/m.h5", ca_file=str(ca_file))[0] == 0
    code, failure = step.run(f"{web.url}/m.h5")
    assert (code, failure["reason"]) == (RETRIABLE_FAILURE, "DownloadFailed")
    assert "certificate" in failure["message"]
    assert "caBundleRef" in failure["hint"]


def test_what_was_asked_for_in_secret_is_not_given_in_the_open(
    web: FaultyWeb, secure: tuple[FaultyWeb, Path], step: Step
) -> None:
    server, ca_file = secure
    server.faults = [f"redirect {web.url}/m.h5"]
    code, failure = step.run(f"{server.url}/m.h5", ca_file=str(ca_file))
    assert (code, failure["reason"], web.requests) == (PERMANENT_FAILURE, "DownloadRefused", [])
