"""What certificates and SSLConfigs are taken, and what is said of others."""

import pytest

from testkit.certificates import Authority, Pair
from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.security.tls import Certificates, Material, context_of, parse

AUTHORITY = Authority("a")
PAIR = AUTHORITY.pair("server")
GOOD = Material(PAIR.certificate, PAIR.key)


def test_an_ssl_config_holds_contents() -> None:
    text = 'server_key: "k\\nl" server_cert: "c" custom_ca: "a"'
    assert parse(text) == Material(b"c", b"k\nl")
    assert parse(text + " client_verify: true") == Material(b"c", b"k\nl", b"a")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "needs server_key and server_cert"),
        ('server_key: "SECRET"', "needs server_key and server_cert"),
        ('server_key: "SECRET" server_cert: "c" client_verify: true', "client_verify needs custom_ca"),
        ('server_key: "SECRET', "the error is at line 1"),
        ('SECRET: "x"', "the error is at line 1"),
    ],
)
def test_what_is_no_ssl_config_is_told_without_its_content(text: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told) as refused:
        parse(text)
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("material", "told"),
    [
        (Material(PAIR.certificate, AUTHORITY.pair("other").key), "no pair"),
        (Material(b"", b""), "no pair"),
        (Material(PAIR.certificate, b"x"), "no pair"),
        (Material(PAIR.certificate, PAIR.key, b""), "authorities of clients"),
        (Material(PAIR.certificate, PAIR.key, "ä".encode()), "authorities of clients"),
        (Material(PAIR.certificate, PAIR.key, PAIR.certificate), "no certificate of an authority"),
    ],
)
def test_what_cannot_serve_is_refused(material: Material, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        context_of(material)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it() -> None:
    from cryptography.hazmat.primitives import serialization as s

    key = s.load_pem_private_key(PAIR.key, None)
    locked = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"p"))
    with pytest.raises(InvalidInputError, match="encrypted"):
        context_of(Material(PAIR.certificate, locked))


def test_what_is_used_serves_both_ports_and_what_is_refused_changes_nothing() -> None:
    certificates = Certificates(GOOD)
    before = certificates.context.newest, certificates.context_of_http2.newest
    for bad in (Material(b"", b""), Material(PAIR.certificate, PAIR.key, AUTHORITY.certificate)):
        with pytest.raises(InvalidInputError):
            certificates.use(bad)
    assert (certificates.context.newest, certificates.context_of_http2.newest) == before
    certificates.use(of(AUTHORITY.pair("newer")))
    after = certificates.context.newest, certificates.context_of_http2.newest
    assert all(new is not old for new, old in zip(after, before, strict=True))


def of(pair: Pair) -> Material:
    return Material(pair.certificate, pair.key)


def test_a_key_is_never_printed() -> None:
    assert "KEY" not in repr(GOOD)
