"""`spec.serving`: certificates and tokens, all in Secrets that the kubelet mounts and the operator never reads."""

from typing import Annotated

from pydantic import Field

from tfmodel.api.schema import ApiValue, Key, Name


class Tls(ApiValue):
    """TLS on both ports. The kubelet mounts the Secrets; what changes in them is served without a restart."""

    secret_name: Name
    """Secret of type kubernetes.io/tls: the certificate chain is in tls.crt, its key in tls.key."""
    client_ca_secret_name: Annotated[Name | None, Field(alias="clientCASecretName")] = None
    """Secret with the authorities of clients in ca.crt. With it, clients must show a certificate of one of them."""


class SecretKey(ApiValue):
    """A key of a Secret of the TFModel's namespace."""

    name: Name
    """Name of the Secret."""
    key: Key
    """Key in the Secret's data."""


class Auth(ApiValue):
    """Who may ask. Health, readiness and metrics are open to all."""

    token_secret_ref: SecretKey
    """Tokens, one a line, of which clients must show one: Authorization: Bearer. The kubelet mounts the Secret, the operator never
    reads it; what changes in it holds without a restart."""
