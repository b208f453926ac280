"""URIs, credentials, limits and addresses."""

import pytest

from tfmodel.contract import FetchRequest
from tfmodel_trainer.errors import ExportError
from tfmodel_trainer.fetch import settings, uris, web
from tfmodel_trainer.fetch.limits import Budget


@pytest.mark.parametrize(
    ("uri", "found", "shown"),
    [
        ("s3://bucket/a/b", ("s3", "bucket", "a/b", "b"), "s3://bucket/a/b"),
        ("gs://bucket", ("gs", "bucket", "", "bucket"), "gs://bucket"),
        ("az://c/a/", ("az", "c", "a/", "a"), "az://c/a/"),
        ("https://h:1/a%20b.zip?sig=x/y", ("https", "h:1", "a b.zip", "a b.zip"), "https://h:1/a%20b.zip"),
        ("https://me:pw@h/a?b=c", ("https", "h", "a", "a"), "https://h/a"),
    ],
)
def test_a_uri_is_taken_apart_and_shown_without_secrets(uri: str, found: tuple[str, ...], shown: str) -> None:
    place = uris.parse(uri)
    assert (place.scheme, place.host, place.path, place.name) == found
    assert uris.shown(uri) == shown


def test_without_credentials_requests_are_not_signed() -> None:
    assert settings.of_s3({}) == {"region": "us-east-1", "skip_signature": "true"}
    assert settings.of_gs({}) == {"skip_signature": "true"}
    assert settings.of_az({"AZURE_STORAGE_ACCOUNT_NAME": "a"}) == {"account_name": "a", "skip_signature": "true"}
    assert settings.of_web({}) == {}


def test_credentials_are_taken_from_their_usual_names() -> None:
    given = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s\n", "AWS_ENDPOINT_URL": "https://s3.example"}
    expected = {
        "access_key_id": "k", "secret_access_key": "s", "endpoint": "https://s3.example", "region": "us-east-1",
    }  # fmt: skip
    assert settings.of_s3(given) == expected
    assert settings.of_gs({"GOOGLE_APPLICATION_CREDENTIALS": '{"a": 1}'}) == {"service_account_key": '{"a": 1}'}
    assert settings.of_gs({"GOOGLE_APPLICATION_CREDENTIALS": "/file"}) == {"application_credentials": "/file"}
    assert settings.of_az({"AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_SAS_TOKEN": "t"}) == {
        "account_name": "a",
        "sas_key": "t",
    }
    assert settings.of_web({"HTTP_BEARER_TOKEN": "t"}) == {"Authorization": "Bearer t"}
    assert settings.of_web({"HTTP_USERNAME": "a", "HTTP_PASSWORD": "b"}) == {"Authorization": "Basic YTpi"}


def test_a_secret_is_masked_also_where_it_holds_another() -> None:
    hidden = settings.secrets({"HTTP_PASSWORD": "abc", "HTTP_BEARER_TOKEN": "abcdef", "AWS_REGION": "here"})
    assert settings.masked("abc abcdef here", hidden) == "*** *** here"


@pytest.mark.parametrize(
    ("address", "is_forbidden"),
    [
        ("169.254.169.254", True),
        ("::ffff:169.254.169.254", True),
        ("fe80::1%eth0", True),
        ("fd00:ec2::254", True),
        ("100.100.100.200", True),
        ("10.0.0.1", False),
        ("127.0.0.1", False),
        ("2001:db8::1", False),
    ],
)
def test_link_local_addresses_are_forbidden(address: str, is_forbidden: bool) -> None:
    assert web.is_forbidden(address) is is_forbidden


def test_time_bytes_and_files_run_out() -> None:
    now = [0.0]
    request = FetchRequest(uri="s3://a/b", target="/t", max_bytes=10, max_files=1, max_seconds=5)
    budget = Budget(request, lambda: now[0])
    budget.take(6)
    budget.take_file()
    budget.check_size(4)
    for broken in (lambda: budget.check_size(5), budget.take_file, lambda: budget.take(5)):
        with pytest.raises(ExportError) as caught:
            broken()
        assert caught.value.failure.reason == "SourceTooLarge"
    now[0] = 5.0
    with pytest.raises(ExportError) as caught:
        budget.seconds_left()
    assert (caught.value.failure.reason, caught.value.failure.retriable) == ("DownloadFailed", True)
