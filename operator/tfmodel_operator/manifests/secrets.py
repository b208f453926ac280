"""What runtime pods read from Secrets: certificates and tokens. The kubelet mounts them; the operator knows their names alone.

They are mounted as folders, not as single files: only in these does the kubelet replace what has changed.
"""

from collections.abc import Iterator

from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.metadata import Json

FOLDER = "/etc/tfmodel-runtime"
_READABLE_BY_GROUP = 0o440


def secret_volumes(model: TFModel) -> list[Json]:
    """Volumes of the pod."""
    return [
        {
            "name": name,
            "secret": {
                "secretName": secret,
                "defaultMode": _READABLE_BY_GROUP,
                "items": [{"key": key, "path": path} for key, path in files.items()],
            },
        }
        for name, secret, files in _secrets(model)
    ]


def secret_mounts(model: TFModel) -> list[Json]:
    """Where the runtime's container finds them."""
    return [
        {"name": name, "mountPath": f"{FOLDER}/{name}", "readOnly": True} for name, _secret, _files in _secrets(model)
    ]


def secret_flags(model: TFModel) -> list[str]:
    """Flags of the runtime that name the files."""
    flags = {
        "tls.crt": "tls_cert_file",
        "tls.key": "tls_key_file",
        "ca.crt": "tls_client_ca_file",
        "tokens": "auth_token_file",
    }
    return [
        f"--{flags[path]}={FOLDER}/{name}/{path}" for name, _secret, files in _secrets(model) for path in files.values()
    ]


def _secrets(model: TFModel) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Name of a volume, name of its Secret, and keys of the Secret with the names of their files."""
    serving = model.spec.serving
    if serving.tls is not None:
        yield "tls", serving.tls.secret_name, {"tls.crt": "tls.crt", "tls.key": "tls.key"}
        if serving.tls.client_ca_secret_name is not None:
            yield "client-ca", serving.tls.client_ca_secret_name, {"ca.crt": "ca.crt"}
    if serving.auth is not None:
        yield "auth", serving.auth.token_secret_ref.name, {serving.auth.token_secret_ref.key: "tokens"}
