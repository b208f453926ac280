"""Certificates, tokens and limits of the pods that serve: what is mounted, which flags name it, whom the kubelet asks."""

from typing import Any

import pytest
from pydantic import ValidationError

from testkit.world import RELEASE, a_tfmodel
from tfmodel_operator.manifests.deployment import ADMIN_PORT, deployment
from tfmodel_operator.manifests.service import service
from tfmodel_operator.runtime_probe import _ADMIN_PORT

SCRIPT = {"configMapRef": {"name": "iris", "key": "train.py"}}
SECURE = {
    "tls": {"secretName": "iris-tls", "clientCASecretName": "clients"},
    "auth": {"tokenSecretRef": {"name": "tokens", "key": "iris"}},
}


def pod(**serving: Any) -> dict[str, Any]:
    model = a_tfmodel(training={"script": SCRIPT}, serving=serving)
    found: dict[str, Any] = deployment(model, RELEASE, claim="c", version_policy="latest:1")["spec"]["template"]["spec"]
    return found


def test_each_secret_is_mounted_with_the_keys_that_are_needed_and_no_more() -> None:
    volumes = {one["name"]: one["secret"] for one in pod(**SECURE)["volumes"] if "secret" in one}
    assert {name: (one["secretName"], [item["key"] for item in one["items"]]) for name, one in volumes.items()} == {
        "tls": ("iris-tls", ["tls.crt", "tls.key"]),
        "client-ca": ("clients", ["ca.crt"]),
        "auth": ("tokens", ["iris"]),
    }
    assert {one["defaultMode"] for one in volumes.values()} == {0o440}
    assert [one for one in pod()["volumes"] if "secret" in one] == []


def test_every_flag_names_a_file_that_is_mounted() -> None:
    spec = pod(**SECURE)
    (container,) = spec["containers"]
    files = {
        f"{mount['mountPath']}/{item['path']}"
        for mount in container["volumeMounts"]
        for volume in spec["volumes"]
        if volume["name"] == mount["name"]
        for item in volume.get("secret", {}).get("items", ())
    }
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in container["args"] if "_file=" in flag)
    assert set(flags) == {"tls_cert_file", "tls_key_file", "tls_client_ca_file", "auth_token_file"}
    assert set(flags.values()) == files


@pytest.mark.parametrize("serving", [{}, SECURE])
def test_kubelet_and_operator_ask_the_port_that_demands_nothing(serving: dict[str, Any]) -> None:
    (container,) = pod(**serving)["containers"]
    assert {container[probe]["httpGet"]["port"] for probe in ("readinessProbe", "livenessProbe")} == {"admin"}
    assert f"--admin_port={ADMIN_PORT}" in container["args"]
    assert _ADMIN_PORT == ADMIN_PORT
    model = a_tfmodel(training={"script": SCRIPT}, serving=serving)
    assert "admin" not in {port["name"] for port in service(model)["spec"]["ports"]}


def test_the_service_tells_proxies_what_its_ports_speak() -> None:
    def told(**serving: Any) -> list[str]:
        model = a_tfmodel(training={"script": SCRIPT}, serving=serving)
        return [port["appProtocol"] for port in service(model)["spec"]["ports"]]

    assert told() == ["http", "kubernetes.io/h2c"]
    assert told(**SECURE) == ["https", "https"]


def test_limits_become_flags() -> None:
    limits = {"maxBodyBytes": "1.5Mi", "maxRequestsInFlight": 7, "requestTimeout": "1500ms"}
    spec = pod(limits=limits)
    assert {
        "--rest_max_body_bytes=1572864",
        "--grpc_max_message_bytes=1572864",
        "--max_requests_in_flight=7",
        "--rest_api_timeout_in_ms=1500",
    } <= set(spec["containers"][0]["args"])


@pytest.mark.parametrize("size", ["0", "2Gi", "1e30"])
def test_a_body_has_a_size_that_grpc_can_count(size: str) -> None:
    with pytest.raises(ValidationError, match="maxBodyBytes must be above 0 and below 2Gi"):
        pod(limits={"maxBodyBytes": size})
