"""How a client proves who it is, and whom it trusts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc


@dataclass(frozen=True, slots=True)
class Access:
    """Files in PEM, and a token. `ca_file`: the authorities that the server's certificate must come from, the system's if it is None.

    `cert_file` and `key_file`: the client's own certificate, where the server wants one.
    """

    token: str | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def headers(self) -> dict[str, str]:
        """What is sent with each request."""
        return {} if self.token is None else {"authorization": f"Bearer {self.token}"}

    def pool_options(self) -> dict[str, Any]:
        """What urllib3 wants to know."""
        files = {"ca_certs": self.ca_file, "cert_file": self.cert_file, "key_file": self.key_file}
        return {option: str(file) for option, file in files.items() if file is not None}

    def channel_credentials(self) -> Any:
        """What gRPC wants to know.

        Raises:
            OSError: a file cannot be read.
        """
        return grpc.ssl_channel_credentials(_read(self.ca_file), _read(self.key_file), _read(self.cert_file))


def _read(file: Path | None) -> bytes | None:
    return None if file is None else file.read_bytes()
