"""Both clients against a real runtime: they agree, and types and shapes are the model's."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from testkit.apiserver import free_port
from testkit.certificates import Authority
from testkit.served import Served, serving
from tfmodel.client.access import Access
from tfmodel.client.answers import TensorInfo, VersionStatus
from tfmodel.client.errors import ServingError
from tfmodel.client.grpc import GrpcClient
from tfmodel.client.rest import RestClient
from tfmodel.wire.dtypes import DataType

Client = RestClient | GrpcClient
BOTH = pytest.mark.parametrize("kind", ["rest", "grpc"])


def client_of(served: Served, kind: str) -> Client:
    rest = kind == "rest"
    return RestClient(f"http://127.0.0.1:{served.rest_port}") if rest else GrpcClient(f"127.0.0.1:{served.grpc_port}")


@pytest.fixture(scope="module")
def flowers(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with ExitStack() as stack:
        log = tmp_path_factory.mktemp("flowers") / "log"
        yield stack.enter_context(serving(saved_models / "flowers", log, name="flowers"))


@BOTH
def test_named_inputs_lead_to_named_outputs_of_the_models_types(flowers: Served, kind: str) -> None:
    measured = {
        "SepalLength": [1.0, 0.0],
        "SepalWidth": [2.0, 0.0],
        "PetalLength": [3.0, 5.0],
        "PetalWidth": [4.0, 0.0],
    }
    with client_of(flowers, kind) as client:
        found = client.predict("flowers", {name: np.array(values, np.float32) for name, values in measured.items()})
    assert found["class_ids"].dtype == np.int64
    assert found["class_ids"].tolist() == [2, 2]
    assert found["logits"].dtype == np.float32
    assert found["logits"].tolist() == [[1.0, 2.0, 3.0], [0.0, 0.0, 5.0]]
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), [1, 1], rtol=1e-6)


@BOTH
def test_a_single_output_has_its_name(half: Served, kind: str) -> None:
    with client_of(half, kind) as client:
        for version in (None, 1):
            found = client.predict("half", {"x": np.array([1, 2], np.float32)}, version=version)
            assert found["y"].dtype == np.float32
            assert found["y"].tolist() == [2.5, 3.0]


@BOTH
def test_texts_and_bytes_come_back_as_bytes(types: Served, kind: str) -> None:
    sent: list[Any] = ["a", b"b", "\u00e9" if kind == "rest" else b"\xff\x00"]
    with client_of(types, kind) as client:
        found = client.predict("m", {"text": sent}, signature="text")
    wanted = [one.encode() if isinstance(one, str) else one for one in sent]
    assert found["raw_bytes"].tolist() == wanted
    assert found["id"].tolist() == [1, 2, -1]


@BOTH
def test_metadata_and_status_say_the_same_over_both(half: Served, kind: str) -> None:
    with client_of(half, kind) as client:
        metadata = client.metadata("half")
        assert (metadata.model, metadata.version) == ("half", 1)
        assert set(metadata.signatures) == {"serving_default", "scalar"}
        assert metadata.signatures["serving_default"].inputs == {"x": TensorInfo(DataType.FLOAT, (-1,))}
        assert metadata.signatures["scalar"].outputs == {"y": TensorInfo(DataType.FLOAT, ())}
        assert client.status("half") == [VersionStatus(1, "AVAILABLE", "OK", "")]


@BOTH
def test_the_servers_refusals_keep_code_and_words(half: Served, kind: str) -> None:
    codes = {"rest": ("404", "404", "400"), "grpc": ("NOT_FOUND", "NOT_FOUND", "INVALID_ARGUMENT")}[kind]
    with client_of(half, kind) as client:
        for code, call in zip(
            codes,
            (
                lambda: client.status("nobody"),
                lambda: client.predict("half", {"x": np.zeros(1, np.float32)}, version=9),
                lambda: client.predict("half", {"z": np.zeros(1, np.float32)}),
            ),
            strict=True,
        ):
            with pytest.raises(ServingError) as refused:
                call()
            assert refused.value.code == code
            assert refused.value.message


@BOTH
def test_a_label_is_a_version(saved_models: Path, tmp_path: Path, kind: str) -> None:
    with (
        serving(saved_models / "half_plus_two", tmp_path / "log", "--version_labels=stable:1") as served,
        client_of(served, kind) as client,
    ):
        found = client.predict("m", {"x": np.array([1], np.float32)}, version="stable")
        assert found["y"].tolist() == [2.5]
        with pytest.raises(ServingError, match="Unrecognized servable version label: other"):
            client.predict("m", {"x": np.array([1], np.float32)}, version="other")


@BOTH
def test_certificates_and_tokens(saved_models: Path, tmp_path: Path, kind: str) -> None:
    authority = Authority("test")
    certificate, key = authority.pair("server").write(tmp_path / "server")
    own, own_key = authority.pair("client").write(tmp_path / "client")
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    (tmp_path / "tokens").write_text("sesame")
    flags = (
        f"--tls_cert_file={certificate}",
        f"--tls_key_file={key}",
        f"--tls_client_ca_file={tmp_path / 'ca.crt'}",
        f"--auth_token_file={tmp_path / 'tokens'}",
        f"--admin_port={free_port()}",
    )

    def client(served: Served, token: str) -> Client:
        access = Access(token, tmp_path / "ca.crt", own, own_key)
        if kind == "rest":
            return RestClient(f"https://localhost:{served.rest_port}", access=access)
        return GrpcClient(f"localhost:{served.grpc_port}", secure=True, access=access)

    with serving(saved_models / "half_plus_two", tmp_path / "log", *flags, wait=False) as served:
        x = {"x": np.array([1], np.float32)}
        for _ in range(200):
            if '"ready"' in served.log():
                break
            time.sleep(0.05)
        with client(served, "sesame") as welcome, client(served, "wrong") as stranger:
            assert welcome.predict("m", x)["y"].tolist() == [2.5]
            with pytest.raises(ServingError, match=r"401|UNAUTHENTICATED"):
                stranger.predict("m", x)
