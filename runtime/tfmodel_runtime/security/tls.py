"""TLS for both ports: one pair of certificate and key, and the authorities of clients where certificates are demanded of them.

All of it is replaced while the server runs: connections that are made from then on get what is new, others live on. A pair is
tried before it is used, so that a broken one harms nobody.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from tfmodel.wire import messages
from tfmodel_runtime.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Material:
    """Contents in PEM. `client_ca` is None where no certificates are demanded of clients."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None = None

    def __repr__(self) -> str:
        return f"Material(demands_clients_certificates={self.client_ca is not None})"


@dataclass(frozen=True, slots=True)
class Files:
    """Paths of a certificate chain, its key, and the authorities of clients."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def read(self) -> Material:
        """What the files hold.

        Raises:
            OSError: one cannot be read.
        """
        client_ca = None if self.client_ca is None else self.client_ca.read_bytes()
        return Material(self.certificate.read_bytes(), self.key.read_bytes(), client_ca)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """Path of TensorFlow Serving's SSLConfig in text format (config/ssl_config.proto)."""

    path: Path

    def read(self) -> Material:
        """What the file holds.

        Raises:
            OSError: it cannot be read.
            InvalidInputError: it is no SSLConfig, or lacks what it needs.
        """
        return parse(self.path.read_text())


def parse(text: str) -> Material:
    """What an SSLConfig holds.

    Raises:
        InvalidInputError: it is none, or lacks what it needs.
    """
    try:
        config: Any = text_format.Parse(text, messages.SSLConfig())
    except text_format.ParseError as error:
        place = f"line {error.GetLine()}, column {error.GetColumn()}"
        raise InvalidInputError(f"no SSLConfig in text format: the error is at {place}") from None
    if not config.server_key or not config.server_cert:
        raise InvalidInputError("an SSLConfig needs server_key and server_cert, each the content of a PEM file")
    if config.client_verify and not config.custom_ca:
        raise InvalidInputError("client_verify needs custom_ca, the certificates of the clients' authorities")
    client_ca = config.custom_ca.encode() if config.client_verify else None
    return Material(config.server_cert.encode(), config.server_key.encode(), client_ca)


def context_of(material: Material, protocol: str = "http/1.1") -> ssl.SSLContext:
    """A server's context: TLS 1.2 or newer, one protocol (ALPN).

    Raises:
        InvalidInputError: certificate and key are no pair, or something is no PEM.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([protocol])
    try:
        with _in_memory(material.certificate) as certificate, _in_memory(material.key) as key:
            context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise InvalidInputError(f"certificate and key are no pair of PEM files: {error}") from None
    if material.client_ca is not None:
        _demand(context, material.client_ca)
    return context


def _demand(context: ssl.SSLContext, client_ca: bytes) -> None:
    try:
        context.load_verify_locations(cadata=client_ca.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise InvalidInputError(f"the authorities of clients are no PEM file: {error}") from None
    if not context.get_ca_certs():
        raise InvalidInputError("the file of the clients' authorities holds no certificate of an authority")
    context.verify_mode = ssl.CERT_REQUIRED


def _no_password() -> str:
    raise ValueError("the key is encrypted: give one that is not")


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A path under which Python's ssl, which takes only paths, finds the content; nothing is written to a disk."""
    file = os.memfd_create("pem")
    try:
        with os.fdopen(os.dup(file), "wb") as writing:
            writing.write(content)
        yield f"/proc/self/fd/{file}"
    finally:
        os.close(file)


class _Context(ssl.SSLContext):
    """Wraps each new connection with the newest context, so that authorities can also be taken away."""

    newest: ssl.SSLContext

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """As `ssl.SSLContext.wrap_bio`, which asyncio and uvloop call once for a connection."""
        return self.newest.wrap_bio(*args, **kwargs)


class Certificates:
    """What both ports serve with: `context` for HTTP/1.1, `context_of_http2` for gRPC. `use` replaces it."""

    def __init__(self, material: Material) -> None:
        self.demands_clients = material.client_ca is not None
        self.context = _Context(ssl.PROTOCOL_TLS_SERVER)
        self.context_of_http2 = _Context(ssl.PROTOCOL_TLS_SERVER)
        self.use(material)

    def use(self, material: Material) -> None:
        """Serves new connections with it.

        Raises:
            InvalidInputError: it cannot be used; what was there before stays.
        """
        if (material.client_ca is not None) != self.demands_clients:
            raise InvalidInputError("whether clients need certificates cannot change while the server runs: restart it")
        newest = context_of(material), context_of(material, "h2")
        self.context.newest, self.context_of_http2.newest = newest
