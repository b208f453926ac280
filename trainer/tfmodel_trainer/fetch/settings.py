"""Credentials: from the environment that a Secret fills to what stores and web servers ask for."""

import base64
from collections.abc import Mapping

_WORKLOAD_IDENTITY = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
NAMES = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_SERVICE_ACCOUNT_KEY",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
    "https": "HTTP_BEARER_TOKEN, or HTTP_USERNAME and HTTP_PASSWORD",
    "http": "HTTP_BEARER_TOKEN, or HTTP_USERNAME and HTTP_PASSWORD",
}
"""The environment variables of each scheme, for hints."""


SECRET = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN", "HTTP_BEARER_TOKEN", "HTTP_PASSWORD",
)  # fmt: skip
"""Variables whose values must not be told."""


def of_s3(environment: Mapping[str, str]) -> dict[str, str]:
    """Configuration of an S3 store; without credentials requests are not signed, as public buckets want it."""
    names = {
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
        "region": "AWS_REGION",
        "endpoint": "AWS_ENDPOINT_URL",
    }
    found = _found(names, environment)
    found.setdefault("region", environment.get("AWS_DEFAULT_REGION") or "us-east-1")
    if "access_key_id" not in found and not any(environment.get(name) for name in _WORKLOAD_IDENTITY):
        found["skip_signature"] = "true"
    return found


def of_gs(environment: Mapping[str, str]) -> dict[str, str]:
    """Configuration of a Google Cloud Storage bucket; GOOGLE_APPLICATION_CREDENTIALS may hold the key itself or a file's path."""
    found = _found({"service_account_key": "GOOGLE_SERVICE_ACCOUNT_KEY"}, environment)
    other = environment.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip()
    if not found and other:
        found["service_account_key" if other.startswith("{") else "application_credentials"] = other
    return found or {"skip_signature": "true"}


def of_az(environment: Mapping[str, str]) -> dict[str, str]:
    """Configuration of an Azure container."""
    names = {
        "account_name": "AZURE_STORAGE_ACCOUNT_NAME",
        "account_key": "AZURE_STORAGE_ACCOUNT_KEY",
        "sas_key": "AZURE_STORAGE_SAS_TOKEN",
        "endpoint": "AZURE_STORAGE_ENDPOINT",
    }
    found = _found(names, environment)
    if "account_key" not in found and "sas_key" not in found:
        found["skip_signature"] = "true"
    return found


def of_web(environment: Mapping[str, str]) -> dict[str, str]:
    """Headers for a web server."""
    token, name = environment.get("HTTP_BEARER_TOKEN", "").strip(), environment.get("HTTP_USERNAME", "").strip()
    if token:
        return {"Authorization": f"Bearer {token}"}
    if name:
        pair = f"{name}:{environment.get('HTTP_PASSWORD', '').strip()}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values that must not be told, the longest first: one may hold another."""
    found = {environment.get(name, "").strip() for name in SECRET}
    return tuple(sorted((value for value in found if value), key=len, reverse=True))


def masked(text: str, hidden: tuple[str, ...]) -> str:
    """The text without these values."""
    for value in hidden:
        text = text.replace(value, "***")
    return text


def _found(names: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    values = {name: environment.get(variable, "").strip() for name, variable in names.items()}
    return {name: value for name, value in values.items() if value}
