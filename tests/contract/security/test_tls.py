"""TLS and client certificates on both ports, certificates that are replaced under way, and the admin port beside them."""

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp
import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from testkit.apiserver import free_port
from testkit.certificates import Authority, Pair
from testkit.served import Served, serving
from tfmodel_operator import runtime_probe
from tfmodel_operator.values import ServedVersion

ANSWER = (200, {"predictions": [3.0]})
FIRST, SECOND = Authority("first"), Authority("second")


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def flags_of(folder: Path, client_ca: Authority | None = None) -> tuple[str, ...]:
    found = (f"--tls_cert_file={folder / 'tls.crt'}", f"--tls_key_file={folder / 'tls.key'}")
    if client_ca is None:
        return found
    (folder / "ca.crt").write_bytes(client_ca.certificate)
    return (*found, f"--tls_client_ca_file={folder / 'ca.crt'}")


def channel(served: Served, authority: Authority, client: Pair | None = None) -> grpc.Channel:
    shown = (client.key, client.certificate) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.certificate, *shown)
    options = [("grpc.use_local_subchannel_pool", 1)]
    return grpc.secure_channel(f"localhost:{served.grpc_port}", credentials, options=options)


def status(over: grpc.Channel) -> str:
    """Code of a call, with the time that a hand-shake takes."""
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "m"
    try:
        model_service_pb2_grpc.ModelServiceStub(over).GetModelStatus(request, timeout=10)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def shown_by(port: int) -> str:
    """The certificate that a new REST connection is shown."""
    return ssl.get_server_certificate(("127.0.0.1", port))


def pem(pair: Pair) -> str:
    return pair.certificate.decode()


def test_both_ports_speak_tls_and_nothing_else(saved_models: Path, tmp_path: Path) -> None:
    FIRST.pair("server").write(tmp_path)
    with serving(
        saved_models / "half_plus_two", tmp_path / "log", *flags_of(tmp_path), context=FIRST.trusting()
    ) as served:
        assert served.ask("/v1/models/m:predict", {"instances": [2]}) == ANSWER
        assert "tfmodel_runtime" in served.text("/metrics")
        with channel(served, FIRST) as over:
            assert status(over) == "OK"
        with channel(served, SECOND) as over:
            assert status(over) == "UNAVAILABLE"
        with grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}") as over:
            assert status(over) == "UNAVAILABLE"
        with pytest.raises(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{served.rest_port}/readyz", timeout=10)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError):
            urllib.request.urlopen(f"https://127.0.0.1:{served.rest_port}/readyz", timeout=10, context=old)


def test_clients_must_show_a_certificate_where_an_authority_is_named(saved_models: Path, tmp_path: Path) -> None:
    FIRST.pair("server").write(tmp_path)
    known, stranger = SECOND.pair("client"), FIRST.pair("stranger")
    knowing = FIRST.trusting(known, tmp_path / "known")
    admin = free_port()
    flags = (*flags_of(tmp_path, SECOND), f"--admin_port={admin}")
    with serving(saved_models / "half_plus_two", tmp_path / "log", *flags, context=knowing) as served:
        assert served.ask("/v1/models/m:predict", {"instances": [2]}) == ANSWER
        for context in (FIRST.trusting(), FIRST.trusting(stranger, tmp_path / "stranger")):
            with pytest.raises(OSError):
                urllib.request.urlopen(f"https://127.0.0.1:{served.rest_port}/readyz", timeout=10, context=context)
        for client, code in ((known, "OK"), (stranger, "UNAVAILABLE"), (None, "UNAVAILABLE")):
            with channel(served, FIRST, client) as over:
                assert status(over) == code
        assert_admin(admin)


def assert_admin(port: int) -> None:
    """The admin port tells of health, metrics and status to all, and nothing more."""
    for path in ("/healthz", "/readyz", "/metrics", "/v1/models/m", "/v1/models/m/versions/1"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            assert answer.status == 200
    for path, body in (("/v1/models/m:predict", b'{"instances": [2]}'), ("/v1/models/m/metadata", None), ("/v2", None)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", body, timeout=10)
        assert refused.value.code == 404
        refused.value.close()


async def test_the_operator_learns_what_is_served_without_certificate_and_token(
    saved_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FIRST.pair("server").write(tmp_path)
    (tmp_path / "tokens").write_text("t")
    admin = free_port()
    monkeypatch.setattr(runtime_probe, "_ADMIN_PORT", admin)
    flags = (*flags_of(tmp_path, SECOND), f"--admin_port={admin}", f"--auth_token_file={tmp_path / 'tokens'}")
    pod = {"metadata": {"name": "m-0"}, "status": {"podIP": "127.0.0.1"}}
    with serving(saved_models / "half_plus_two", tmp_path / "log", *flags, wait=False):
        async with aiohttp.ClientSession() as session:
            told: Mapping[str, tuple[ServedVersion, ...]] = {}
            end = time.monotonic() + 30
            while told.get("m-0") != (ServedVersion(1, "AVAILABLE"),):
                assert time.monotonic() < end, told
                told = await runtime_probe.RuntimeProbe(session).ask("m", [pod])


def test_an_ssl_config_file_secures_both_ports(saved_models: Path, tmp_path: Path) -> None:
    server, client = FIRST.pair("server"), SECOND.pair("client")
    text = "".join(
        f"{name}: {content.decode()!r}\n".replace("'", '"')
        for name, content in (
            ("server_key", server.key),
            ("server_cert", server.certificate),
            ("custom_ca", SECOND.certificate),
        )
    )
    file = tmp_path / "ssl.config"
    file.write_text(text + "client_verify: true\n")
    knowing = FIRST.trusting(client, tmp_path / "client")
    with serving(
        saved_models / "half_plus_two", tmp_path / "log", f"--ssl_config_file={file}", context=knowing
    ) as served:
        assert served.ask("/v1/models/m:predict", {"instances": [2]}) == ANSWER
        with channel(served, FIRST, client) as over:
            assert status(over) == "OK"
        with channel(served, FIRST) as over:
            assert status(over) == "UNAVAILABLE"


def mounted(folder: Path, pair: Pair, generation: int) -> None:
    """Replaces the files as the kubelet does: a new folder, and one link to it that is renamed into place."""
    pair.write(folder / f"..{generation}")
    (folder / "..new").symlink_to(f"..{generation}")
    (folder / "..new").rename(folder / "..data")
    for name in ("tls.crt", "tls.key"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


def test_a_new_certificate_is_for_new_connections_and_old_ones_live_on(saved_models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "secret"
    folder.mkdir()
    first, second = FIRST.pair("server"), SECOND.pair("server")
    mounted(folder, first, 1)
    with (
        serving(
            saved_models / "half_plus_two", tmp_path / "log", *flags_of(folder), context=FIRST.trusting()
        ) as served,
        channel(served, FIRST) as over,
    ):
        kept = http.client.HTTPSConnection("127.0.0.1", served.rest_port, timeout=10, context=FIRST.trusting())
        assert rest_status(kept) == 200
        socket_before = kept.sock
        assert status(over) == "OK"
        mounted(folder, second, 2)
        until(lambda: shown_by(served.rest_port) == pem(second), "the new certificate is not shown")
        assert (rest_status(kept), kept.sock is socket_before) == (200, True)
        assert status(over) == "OK"
        with channel(served, SECOND) as newer:
            assert status(newer) == "OK"
        with channel(served, FIRST) as distrusting:
            assert status(distrusting) == "UNAVAILABLE"
        kept.close()


def rest_status(kept: http.client.HTTPSConnection) -> int:
    kept.request("GET", "/v1/models/m")
    answer = kept.getresponse()
    answer.read()
    return answer.status


def test_a_broken_pair_is_told_and_the_old_one_stays(saved_models: Path, tmp_path: Path) -> None:
    first, second = FIRST.pair("server"), FIRST.pair("server")
    first.write(tmp_path)
    with serving(
        saved_models / "half_plus_two", tmp_path / "log", *flags_of(tmp_path), context=FIRST.trusting()
    ) as served:
        (tmp_path / "tls.key").write_bytes(second.key)
        until(lambda: "no pair of PEM files" in served.log(), "nothing is told")
        assert shown_by(served.rest_port) == pem(first)
        with channel(served, FIRST) as over:
            assert status(over) == "OK"
        (tmp_path / "tls.crt").write_bytes(second.certificate)
        until(lambda: shown_by(served.rest_port) == pem(second), "the pair that is whole again is not taken")
        assert served.log().count("no pair of PEM files") == 1


def test_an_authority_that_is_replaced_is_trusted_no_more(saved_models: Path, tmp_path: Path) -> None:
    FIRST.pair("server").write(tmp_path)
    old, new = FIRST.pair("client"), SECOND.pair("client")
    knowing = FIRST.trusting(old, tmp_path / "old")
    with serving(
        saved_models / "half_plus_two", tmp_path / "log", *flags_of(tmp_path, FIRST), context=knowing
    ) as served:
        (tmp_path / "ca.crt").write_bytes(SECOND.certificate)
        until(lambda: "has changed" in served.log(), "the authority is not replaced")
        with pytest.raises(OSError):
            served.ask("/readyz")
        served.context = FIRST.trusting(new, tmp_path / "new")
        assert served.ask("/readyz")[0] == 200
        for client, code in ((old, "UNAVAILABLE"), (new, "OK")):
            with channel(served, FIRST, client) as over:
                assert status(over) == code


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--tls_cert_file={0}/none", "--tls_key_file={0}/none"), "No such file"),
        (("--tls_cert_file={0}/tls.crt", "--tls_key_file={0}/tls.crt"), "no pair of PEM files"),
        (("--ssl_config_file={0}/tls.crt",), "no SSLConfig in text format"),
        (("--auth_token_file={0}/empty",), "holds no token"),
    ],
)
def test_a_file_that_cannot_be_used_ends_the_process_with_a_sentence(
    tmp_path: Path, flags: tuple[str, ...], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from tfmodel_runtime.main import main

    FIRST.pair("server").write(tmp_path)
    (tmp_path / "empty").write_text("\n")
    given = [one.format(tmp_path) for one in flags]
    assert main([f"--model_base_path={tmp_path}", "--port=0", "--rest_api_port=0", *given]) == 1
    told_last = capfd.readouterr().err
    assert told in told_last
    assert "PRIVATE KEY" not in told_last
